/* fuzz.c - what the fuzz targets share */
#include "fuzz/fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dump/dump.h"
#include "nn/nn.h"
#include "reference.h"

static char seeds[512], folder[64];

static void remove_folder(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0) fprintf(stderr, "%s is left behind\n", folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    snprintf(seeds, sizeof seeds, "%s", (*argv)[0]);
    char *slash = strrchr(seeds, '/');
    snprintf(slash ? slash : seeds, 8, "/seeds");
    snprintf(folder, sizeof folder, "/dev/shm/plumb-fuzz-XXXXXX");
    if (!mkdtemp(folder)) abort();
    atexit(remove_folder);
    reference_set_threads(1);
    return 0;
}

static const char *path_in(const char *parent, const char *name)
{
    enum { PATHS = 8 };
    static char paths[PATHS][1024];
    static int next;
    char *path = paths[next++ % PATHS];
    snprintf(path, sizeof *paths, "%s/%s", parent, name);
    return path;
}

const char *fuzz_seed(const char *name) { return path_in(seeds, name); }
const char *fuzz_path(const char *name) { return path_in(folder, name); }

const char *fuzz_put(const char *name, const void *bytes, size_t size)
{
    const char *path = fuzz_path(name);
    int file = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    if (file < 0 || write(file, bytes, size) != (ssize_t)size) abort();
    close(file);
    return path;
}

void fuzz_copy(const char *seed, const char *name)
{
    static char bytes[1 << 22];
    FILE *file = fopen(fuzz_seed(seed), "rb");
    if (!file) {
        fprintf(stderr, "%s is missing: make fuzz writes it\n", fuzz_seed(seed));
        abort();
    }
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    fuzz_put(name, bytes, size);
}

void fuzz_remove(const char *name) { unlink(fuzz_path(name)); }

void fuzz_be_quiet(void)
{
    static FILE *nowhere;
    if (!nowhere) nowhere = fopen("/dev/null", "w");
    stdout = stderr = nowhere;
}

void fuzz_parts(const uint8_t *data, size_t size, FuzzPart *parts, int count)
{
    for (int i = 0; i < count; i++) {
        const uint8_t *end = i + 1 < count && size ? memchr(data, 0, size) : NULL;
        size_t length = end ? (size_t)(end - data) : size;
        parts[i] = (FuzzPart){ allocate_zeroed(length + 1, 1), length };
        if (length) memcpy(parts[i].text, data, length);
        if (end) length++;
        data += length;
        size -= length;
    }
}

void fuzz_free_parts(FuzzPart *parts, int count)
{
    for (int i = 0; i < count; i++) free(parts[i].text);
}

/* A row of ones by the first rows of a weight, which a product reads as they lie or widens */
static double multiply(const Array *array, int64_t count)
{
    int64_t width = array->rank == 2 ? array->shape[1] : 0;
    if (width == 0 || width > count) return 0;
    Arena arena = { 0 };
    Run run = { .arena = &arena, .exact_codes = true };
    Array rows_of_it = *array;
    if (rows_of_it.shape[0] > count / width) rows_of_it.shape[0] = count / width;
    Tensor x = new_tensor(&run, 1, width);
    for (int64_t i = 0; i < width; i++) x.data[i] = 1;
    double sum = linear(x, &rows_of_it, NULL, &run).data[0];
    arena_free(&arena);
    return sum;
}

/* Codes as graders of quantisers and products read them */
static double read_codes(const Array *array, int64_t count)
{
    const Encoding *encoding = array->encoding;
    double sum = 0;
    CodePlace *places = allocate_zeroed((size_t)count, sizeof *places);
    if (encoding->places && encoding->bits > 0) encoding->places(encoding, array->offset, count, places);
    for (int64_t i = 0; encoding->bits > 0 && i < count; i++) sum += encoding->values[places[i].code];
    free(places);
    return sum + multiply(array, count);
}

void fuzz_read_array(const Array *array)
{
    static volatile double sink __attribute__((unused));
    int64_t count = array_elements(array);
    if (count > 1 << 12) count = 1 << 12;
    double *wide = allocate_zeroed((size_t)count, sizeof *wide);
    float *narrow = allocate_zeroed((size_t)count, sizeof *narrow);
    array_read_f64(array, 0, count, wide);
    array_read_f32(array, 0, count, narrow);
    for (int64_t i = 0; i < count; i++) sink += wide[i] + (double)narrow[i];
    for (int64_t i = 0; i < count && !dtype_is_float(array->dtype); i++) sink += (double)array_integer(array, i);
    sink += array_is_finite(array);
    if (array->dtype == DTYPE_ENCODED) sink += read_codes(array, count);
    free(wide);
    free(narrow);
}

/* As a map of names leaves it, with some of its arrays; and as the judge looks at some of them */
static void read_as_others_do(Dump *dump)
{
    int half = dump_count(dump) / 2;
    Arena arena = { 0 };
    Array *arrays = allocate_zeroed((size_t)dump_count(dump) + 1, sizeof *arrays);
    for (int i = 0; i < half; i++) arrays[i] = *dump_array(dump, i);
    const Dump *holding = dump_holding(dump, arrays, half, &arena);
    if (dump_count(holding) != half) abort();
    dump_replace(dump, arrays, half);
    if (dump_count(dump) != half) abort();
    free(arrays);
    arena_free(&arena);
}

void fuzz_read_dump(const char *path)
{
    Error error = { "" };
    Dump *dump = dump_open(path, &error);
    if (!dump != error_is_set(&error)) abort();
    for (int i = 0; dump && i < dump_count(dump); i++) {
        fuzz_read_array(dump_array(dump, i));
        if (dump_find(dump, dump_array(dump, i)->name) != dump_array(dump, i)) abort();
    }
    if (dump) read_as_others_do(dump);
    dump_close(dump);
}
