/* safetensors.c - the reader
 *
 *   8 bytes      length of the header, little-endian
 *   header       JSON: {"name": {"dtype": "BF16", "shape": [..], "data_offsets": [begin, end]}, ..}
 *   data         the offsets count from here
 */
#include "checkpoint/safetensors.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/json_load.h"
#include "checkpoint/file_limits.h"
#include "checkpoint/mapped_file.h"
#include "run/arena.h"

struct Safetensors {
    Arena arena; /* names and the table */
    const char *path;
    MappedFile *mapped;
    const unsigned char *map;
    size_t size;
    size_t data; /* where the data begins */
    int count;
    Array *arrays; /* sorted by name */
};

/* Dimensions up to 2^40 and sizes up to 2^60 bytes, so that no product below can overflow. */
static const int64_t largest_dimension = (int64_t)1 << 40, largest_size = (int64_t)1 << 60;

static void map_file(Safetensors *file, Error *error)
{
    file->mapped = mapped_file_open(file->path, 8, "a safetensors file", error);
    if (!file->mapped) return;
    file->map = mapped_file_bytes(file->mapped);
    file->size = mapped_file_size(file->mapped);
}

static json_t *read_header(Safetensors *file, Error *error)
{
    uint64_t length = 0;
    memcpy(&length, file->map, 8);
    if (length > file->size - 8) {
        error_set(error, "%s: header: found a length of %llu bytes, expected at most the %zu that follow", file->path,
                  (unsigned long long)length, file->size - 8);
        return NULL;
    }
    file->data = 8 + (size_t)length;

    const char *what = arena_format(&file->arena, "%s: header", file->path);
    return json_parse_object((const char *)file->map + 8, (size_t)length, what, "one object", error);
}

static void read_dtype(Array *array, const json_t *entry, Error *error)
{
    const char *name = json_string_value(json_object_get(entry, "dtype"));
    if (!name || !dtype_from_name(name, &array->dtype))
        error_set(error,
                  "%s: %s: dtype: found \"%s\", expected one of F64, F32, F16, BF16, F8_E4M3, F8_E5M2, I64..I8, "
                  "U64..U8, BOOL",
                  array->file, array->name, name ? name : "(none)");
}

static void read_shape(Array *array, const json_t *entry, Error *error)
{
    const json_t *shape = json_object_get(entry, "shape");
    size_t rank = json_array_size(shape);
    if (!json_is_array(shape) || rank > ARRAY_MAX_RANK) {
        error_set(error, "%s: %s: shape: found %s, expected a list of at most %d dimensions", array->file, array->name,
                  json_is_array(shape) ? "more" : "none", ARRAY_MAX_RANK);
        return;
    }
    array->rank = (int)rank;
    int64_t bytes = (int64_t)dtype_size(array->dtype);
    for (size_t i = 0; i < rank; i++) {
        const json_t *dimension = json_array_get(shape, i);
        int64_t value = json_is_integer(dimension) ? json_integer_value(dimension) : -1;
        if (value < 0 || value > largest_dimension || (value > 0 && bytes > largest_size / value)) {
            error_set(error,
                      "%s: %s: shape: found dimension %zu out of range, expected whole numbers that make a "
                      "real array",
                      array->file, array->name, i);
            return;
        }
        array->shape[i] = value;
        bytes *= value;
    }
}

/* Sets data, and leaves begin and end for the check of the whole file. */
static void read_offsets(Safetensors *file, Array *array, const json_t *entry, Error *error)
{
    const json_t *offsets = json_object_get(entry, "data_offsets");
    const json_t *first = json_array_get(offsets, 0), *second = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(first) || !json_is_integer(second)) {
        error_set(error, "%s: %s: data_offsets: found none, expected [begin, end]", file->path, array->name);
        return;
    }
    int64_t begin = json_integer_value(first), end = json_integer_value(second);
    int64_t available = (int64_t)(file->size - file->data);
    int64_t bytes = array_elements(array) * (int64_t)dtype_size(array->dtype);
    if (begin < 0 || end < begin || end > available)
        error_set(error,
                  "%s: %s: data_offsets: found [%lld, %lld], expected a range within the file's %lld bytes of "
                  "data",
                  file->path, array->name, (long long)begin, (long long)end, (long long)available);
    else if (end - begin != bytes)
        error_set(error, "%s: %s: data_offsets: found %lld bytes, expected %lld for %s %s", file->path, array->name,
                  (long long)(end - begin), (long long)bytes, dtype_name(array->dtype),
                  SHAPE_TEXT(array->rank, array->shape));
    else
        array->data = file->map + file->data + begin;
}

static int by_data(const void *left, const void *right)
{
    const Array *a = left, *b = right;
    if (a->data != b->data) return a->data < b->data ? -1 : 1;
    return (array_elements(a) > 0) - (array_elements(b) > 0); /* an empty array lies before its neighbour */
}

static int by_name(const void *left, const void *right)
{
    return strcmp(((const Array *)left)->name, ((const Array *)right)->name);
}

static void check_coverage(Safetensors *file, Error *error)
{
    qsort(file->arrays, (size_t)file->count, sizeof *file->arrays, by_data);
    const unsigned char *covered = file->map + file->data;
    for (int i = 0; i < file->count; i++) {
        const Array *array = &file->arrays[i];
        if (array->data != covered) {
            error_set(error, "%s: %s: data_offsets: found %s with the array before it, expected none", file->path,
                      array->name, array->data < covered ? "an overlap" : "a gap");
            return;
        }
        covered += array_elements(array) * (int64_t)dtype_size(array->dtype);
    }
    if (covered != file->map + file->size)
        error_set(error, "%s: found %zu bytes after the last array, expected none", file->path,
                  (size_t)(file->map + file->size - covered));
}

static void read_arrays(Safetensors *file, json_t *header, Error *error)
{
    if (json_object_size(header) > (size_t)file_limits.arrays) {
        error_set(error, "%s: header: found %zu arrays, expected at most %lld (--max-arrays)", file->path,
                  json_object_size(header), (long long)file_limits.arrays);
        return;
    }
    file->arrays = arena_allocate(&file->arena, (json_object_size(header) + 1) * sizeof *file->arrays);
    const char *name;
    json_t *entry;
    json_object_foreach(header, name, entry)
    {
        if (strcmp(name, "__metadata__") == 0) continue;
        Array *array = &file->arrays[file->count++];
        *array = (Array){ .file = file->path, .name = arena_format(&file->arena, "%s", name) };
        read_dtype(array, entry, error);
        if (!error_is_set(error)) read_shape(array, entry, error);
        if (!error_is_set(error)) read_offsets(file, array, entry, error);
        if (error_is_set(error)) return;
    }
    check_coverage(file, error);
    qsort(file->arrays, (size_t)file->count, sizeof *file->arrays, by_name);
}

Safetensors *safetensors_open(const char *path, Error *error)
{
    Safetensors *file = allocate_zeroed(1, sizeof *file);
    file->path = arena_format(&file->arena, "%s", path);

    map_file(file, error);
    json_t *header = error_is_set(error) ? NULL : read_header(file, error);
    if (!error_is_set(error)) read_arrays(file, header, error);
    json_decref(header);

    if (error_is_set(error)) {
        safetensors_close(file);
        return NULL;
    }
    return file;
}

void safetensors_close(Safetensors *file)
{
    if (!file) return;
    mapped_file_close(file->mapped);
    arena_free(&file->arena);
    free(file);
}

void safetensors_let_go(Safetensors *file) { mapped_file_let_go(file->mapped); }

const char *safetensors_path(const Safetensors *file) { return file->path; }
int safetensors_count(const Safetensors *file) { return file->count; }
const Array *safetensors_array(const Safetensors *file, int index) { return &file->arrays[index]; }

const Array *safetensors_find(const Safetensors *file, const char *name)
{
    Array key = { .name = name };
    return bsearch(&key, file->arrays, (size_t)file->count, sizeof key, by_name);
}
