/* fuzz_npy.c - files that are nearly .npy */
#include "dump/npy.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena arena = { 0 };
    Error error = { "" };
    uint8_t *exact = malloc(size ? size : 1); /* so that a byte too many is seen */
    memcpy(exact, data, size);
    Array array = npy_read(&arena, "fuzz", "a", exact, size, &error);
    if (!error_is_set(&error)) fuzz_read_array(&array);
    arena_free(&arena);
    free(exact);
    return 0;
}
