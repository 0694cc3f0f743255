/* fuzz_safetensors.c - files that are nearly safetensors
 *
 * An input is a header, a 0 and the data: the header's length is right then. One that begins with 0 is the file itself.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return -1;
    const uint8_t *end = memchr(data, 0, size);
    size_t header = end ? (size_t)(end - data) : size, rest = end ? size - header - 1 : 0;
    uint64_t length = header;
    uint8_t *file = malloc(8 + size);
    memcpy(file, &length, 8);
    memcpy(file + 8, data, header);
    if (rest) memcpy(file + 8 + header, end + 1, rest);
    fuzz_read_dump(header ? fuzz_put("a.safetensors", file, 8 + header + rest)
                          : fuzz_put("a.safetensors", data + 1, size - 1));
    free(file);
    return 0;
}

/* The header as JSON, or the whole as bytes */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    uint8_t *end = memchr(data, 0, size);
    size_t rest = end ? (size_t)(data + size - end) : 0, header = size - rest;
    if (header == 0 || seed % 3 == 0) return LLVMFuzzerMutate(data, size, max_size);
    uint8_t *tail = malloc(rest + 1);
    memcpy(tail, data + header, rest);
    header = fuzz_mutate_json(data, header, max_size - rest, seed / 3);
    memcpy(data + header, tail, rest);
    free(tail);
    return header + rest;
}
