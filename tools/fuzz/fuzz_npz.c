/* fuzz_npz.c - dumps: archives that are nearly .npz, and by another first byte a folder of one file, or a file alone */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const files[] = { "folder/a.npy", "folder/Gemma4Model.layers.0_outputs.safetensors" };
    bool is_npy = size && data[0] == 'n', is_shard = size && data[0] == 's', is_file = size && data[0] == 'd';
    if (is_file) fuzz_read_dump(fuzz_put("a.safetensors", data + 1, size - 1));
    if (is_npy || is_shard) {
        mkdir(fuzz_path("folder"), 0700);
        fuzz_put(files[is_shard], data + 1, size - 1);
        fuzz_read_dump(fuzz_path("folder"));
        fuzz_remove(files[is_shard]);
    }
    if (!is_file && !is_npy && !is_shard) fuzz_read_dump(fuzz_put("a.npz", data, size));
    return 0;
}

static uint32_t number(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void set_number(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> 8 * i);
}

/* A flipped bit of a member is refused for its checksum: most mutants of stored members get new ones. */
static void correct_checksums(uint8_t *data, size_t size)
{
    enum { CENTRAL = 46, LOCAL = 30 };
    for (size_t at = 0; at + CENTRAL <= size; at++) {
        if (memcmp(data + at, "PK\1\2", 4) != 0) continue;
        size_t stored = number(data + at + 20), local = number(data + at + 42);
        if (local > size || size - local < LOCAL || memcmp(data + local, "PK\3\4", 4) != 0) continue;
        size_t begin = local + LOCAL + data[local + 26] + (size_t)data[local + 27] * 256 + data[local + 28] +
                       (size_t)data[local + 29] * 256;
        if (begin > size || stored > size - begin) continue;
        uint32_t sum = (uint32_t)crc32(0, data + begin, (uInt)stored);
        set_number(data + at + 16, sum);
        set_number(data + local + 14, sum);
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    size = LLVMFuzzerMutate(data, size, max_size);
    if (seed % 8) correct_checksums(data, size);
    return size;
}
