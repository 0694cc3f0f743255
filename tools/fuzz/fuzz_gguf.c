/* fuzz_gguf.c - files that are nearly GGUF */
#include "checkpoint/gguf.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Error error = { "" };
    Gguf *file = gguf_open(fuzz_put("a.gguf", data, size), &error);
    if (!file != error_is_set(&error)) __builtin_trap();
    for (int i = 0; file && i < gguf_count(file); i++) fuzz_read_array(gguf_array(file, i));
    gguf_close(file);
    return 0;
}
