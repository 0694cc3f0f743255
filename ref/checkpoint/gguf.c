/* gguf.c - the reader
 *
 *   "GGUF", version, number of tensors, number of keys
 *   keys         string, type, value; a string is its length and its bytes
 *   tensors      string, number of dimensions, dimensions (the innermost first), type, offset
 *   data         from the next multiple of general.alignment; the offsets count from here
 */
#include "checkpoint/gguf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "checkpoint/file_limits.h"
#include "checkpoint/gguf_types.h"
#include "checkpoint/mapped_file.h"
#include "run/arena.h"

enum { STRING = 8, ARRAY = 9, UINT32 = 4, DEEPEST_LIST = 4, MOST_DIMENSIONS = 4, LEAST_VERSION = 2, VERSION = 3 };
static const int64_t largest_size = (int64_t)1 << 56; /* of a tensor in bytes, so that no sum below can overflow */

struct Gguf {
    Arena arena;
    const char *path;
    MappedFile *mapped;
    const unsigned char *map;
    size_t size, at; /* of the file; where the header is read */
    size_t alignment;
    int count;
    Array *arrays;
    uint64_t *offsets; /* of each, as the file says */
    int64_t *bytes;
    Encoding **encodings; /* NULL of plain ones */
    Error *error;         /* while the file is opened */
};

bool gguf_is_one(const char *path)
{
    static const char ending[] = ".gguf";
    char magic[4] = "";
    struct stat status;
    size_t length = strlen(path), tail = strlen(ending);
    bool is_file = stat(path, &status) == 0 && S_ISREG(status.st_mode); /* a pipe would block */
    FILE *file = is_file ? fopen(path, "rb") : NULL;
    bool begins = file && fread(magic, 1, 4, file) == 4 && memcmp(magic, "GGUF", 4) == 0;
    if (file) fclose(file);
    return begins || (is_file && length > tail && strcmp(path + length - tail, ending) == 0);
}

static void map_file(Gguf *file)
{
    file->mapped = mapped_file_open(file->path, 1, "a GGUF file", file->error);
    if (!file->mapped) return;
    file->map = mapped_file_bytes(file->mapped);
    file->size = mapped_file_size(file->mapped);
}

/* The next bytes of the header, or zeros where the error is set */
static const unsigned char *take(Gguf *file, uint64_t bytes, const char *what)
{
    static const unsigned char zeros[8];
    if (!error_is_set(file->error) && bytes > file->size - file->at)
        error_set(file->error, "%s: header: found its end %zu bytes after byte %zu, expected %llu of %s", file->path,
                  file->size - file->at, file->at, (unsigned long long)bytes, what);
    if (error_is_set(file->error)) return zeros;
    file->at += bytes;
    return file->map + file->at - bytes;
}

static uint32_t take_u32(Gguf *file, const char *what)
{
    uint32_t value;
    memcpy(&value, take(file, sizeof value, what), sizeof value);
    return value;
}

static uint64_t take_u64(Gguf *file, const char *what)
{
    uint64_t value;
    memcpy(&value, take(file, sizeof value, what), sizeof value);
    return value;
}

static const char *take_string(Gguf *file, const char *what)
{
    uint64_t length = take_u64(file, what);
    const char *bytes = (const char *)take(file, length, what);
    return error_is_set(file->error) ? "" : arena_format(&file->arena, "%.*s", (int)(length & 0xffff), bytes);
}

static void skip_value(Gguf *file, uint32_t type, int depth, const char *key)
{
    static const int sizes[] = { 1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8 }; /* by the number of the type */
    if (type >= sizeof sizes / sizeof *sizes || depth > DEEPEST_LIST) {
        error_set(file->error, "%s: %s: found a value of type %u, expected one that GGUF has", file->path, key, type);
    } else if (type == STRING) {
        take(file, take_u64(file, key), key);
    } else if (type == ARRAY) {
        uint32_t of = take_u32(file, key);
        uint64_t count = take_u64(file, key);
        bool fixed = of < sizeof sizes / sizeof *sizes && sizes[of] > 0;
        if (fixed && count < (uint64_t)largest_size) take(file, count * (uint64_t)sizes[of], key);
        if (fixed && count >= (uint64_t)largest_size) take(file, count, key);
        for (uint64_t i = 0; !fixed && i < count && !error_is_set(file->error); i++)
            skip_value(file, of, depth + 1, key);
    } else {
        take(file, (uint64_t)sizes[type], key);
    }
}

/* Everything but the alignment: config.json is beside the file. */
static void read_keys(Gguf *file, uint64_t count)
{
    for (uint64_t i = 0; i < count && !error_is_set(file->error); i++) {
        const char *key = take_string(file, "a key");
        uint32_t type = take_u32(file, key);
        if (strcmp(key, "general.alignment") == 0 && type == UINT32) {
            uint32_t alignment = take_u32(file, key);
            file->alignment = alignment;
            if (alignment == 0 || alignment % 8 != 0 || alignment > 1 << 20)
                error_set(file->error, "%s: %s: found %u, expected a multiple of 8", file->path, key, alignment);
        } else {
            skip_value(file, type, 0, key);
        }
    }
}

/* Sets rank and shape, and -> how many elements there are. */
static int64_t read_shape(Gguf *file, Array *array)
{
    uint32_t rank = take_u32(file, array->name);
    int64_t elements = 1;
    if (rank > MOST_DIMENSIONS)
        error_set(file->error, "%s: %s: found %u dimensions, expected at most %d", file->path, array->name, rank,
                  MOST_DIMENSIONS);
    for (uint32_t i = 0; i < rank && !error_is_set(file->error); i++) {
        uint64_t size = take_u64(file, array->name);
        if (size < 1 || size > (uint64_t)(largest_size / elements))
            error_set(file->error, "%s: %s: found a dimension of %llu, expected a real array", file->path, array->name,
                      (unsigned long long)size);
        else
            elements *= array->shape[rank - 1 - i] = (int64_t)size;
    }
    array->rank = error_is_set(file->error) ? 0 : (int)rank;
    return elements;
}

static const GgufType *read_type(Gguf *file, const Array *array)
{
    uint32_t id = take_u32(file, array->name);
    const GgufType *type = gguf_type(id);
    if (error_is_set(file->error)) return NULL;
    if (type && type->block > 0) return type;
    error_set(file->error, "%s: %s: found type %s (%u), expected %s", file->path, array->name, type ? type->name : "?",
              id, gguf_types_read);
    return NULL;
}

static void read_tensor(Gguf *file, int i)
{
    Array *array = &file->arrays[i];
    *array = (Array){ .file = file->path, .name = take_string(file, "a tensor's name") };
    int64_t elements = read_shape(file, array);
    const GgufType *type = read_type(file, array);
    file->offsets[i] = take_u64(file, array->name);
    if (error_is_set(file->error)) return;
    int64_t row = array->rank > 0 ? array->shape[array->rank - 1] : 1;
    if (row % type->block != 0)
        error_set(file->error, "%s: %s: found rows of %lld elements, expected whole blocks of %lld for %s", file->path,
                  array->name, (long long)row, (long long)type->block, type->name);
    array->dtype = type->dtype;
    file->bytes[i] = elements / type->block * type->bytes;
    bool encoded = type->dtype == DTYPE_ENCODED;
    file->encodings[i] = encoded ? gguf_encoding(type, elements / type->block, &file->arena) : NULL;
    array->encoding = file->encodings[i];
}

static size_t aligned(const Gguf *file, size_t at)
{
    return (at + file->alignment - 1) / file->alignment * file->alignment;
}

/* ggml demands it as well: each tensor's data follows that of the one before it. */
static void place_data(Gguf *file)
{
    size_t begin = aligned(file, file->at), offset = 0;
    for (int i = 0; i < file->count && !error_is_set(file->error); i++) {
        Array *array = &file->arrays[i];
        if (file->offsets[i] != offset)
            error_set(file->error, "%s: %s: found an offset of %llu, expected %zu", file->path, array->name,
                      (unsigned long long)file->offsets[i], offset);
        else if (begin > file->size || offset + (size_t)file->bytes[i] > file->size - begin)
            error_set(file->error, "%s: %s: found %zu bytes in the file, expected %zu", file->path, array->name,
                      file->size, begin + offset + (size_t)file->bytes[i]);
        else if (file->encodings[i])
            gguf_place(file->encodings[i], file->map + begin + offset);
        else
            array->data = file->map + begin + offset;
        offset = aligned(file, offset + (size_t)file->bytes[i]);
    }
}

static void read_header(Gguf *file)
{
    if (memcmp(take(file, 4, "GGUF"), "GGUF", 4) != 0)
        error_set(file->error, "%s: found other bytes at its beginning, expected GGUF", file->path);
    uint32_t version = take_u32(file, "the version");
    if (version < LEAST_VERSION || version > VERSION)
        error_set(file->error, "%s: found version %u, expected %d or %d", file->path, version, LEAST_VERSION, VERSION);
    uint64_t tensors = take_u64(file, "the number of tensors"), keys = take_u64(file, "the number of keys");
    if (tensors > (uint64_t)file_limits.arrays)
        error_set(file->error, "%s: found %llu tensors, expected at most %lld (--max-arrays)", file->path,
                  (unsigned long long)tensors, (long long)file_limits.arrays);
    read_keys(file, keys);
    if (error_is_set(file->error)) return;

    file->arrays = arena_allocate(&file->arena, (size_t)(tensors + 1) * sizeof *file->arrays);
    file->offsets = arena_allocate(&file->arena, (size_t)(tensors + 1) * sizeof *file->offsets);
    file->bytes = arena_allocate(&file->arena, (size_t)(tensors + 1) * sizeof *file->bytes);
    file->encodings = arena_allocate(&file->arena, (size_t)(tensors + 1) * sizeof *file->encodings);
    while (file->count < (int)tensors && !error_is_set(file->error)) read_tensor(file, file->count++);
    if (!error_is_set(file->error)) place_data(file);
}

Gguf *gguf_open(const char *path, Error *error)
{
    Gguf *file = allocate_zeroed(1, sizeof *file);
    file->path = arena_format(&file->arena, "%s", path);
    file->alignment = 32;
    file->error = error;
    map_file(file);
    if (!error_is_set(error)) read_header(file);
    if (error_is_set(error)) {
        gguf_close(file);
        return NULL;
    }
    return file;
}

void gguf_close(Gguf *file)
{
    if (!file) return;
    mapped_file_close(file->mapped);
    arena_free(&file->arena);
    free(file);
}

void gguf_let_go(Gguf *file) { mapped_file_let_go(file->mapped); }
int gguf_count(const Gguf *file) { return file->count; }
const Array *gguf_array(const Gguf *file, int index) { return &file->arrays[index]; }
