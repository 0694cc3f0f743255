/* safetensors_writer.c - arrays are streamed to path.data~; when the last is in, the header is known, and header and
 * data become path~, which is then renamed to path. */
#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checkpoint/safetensors.h"
#include "run/arena.h"

struct SafetensorsWriter {
    Arena arena;
    const char *path, *whole_path, *data_path;
    FILE *data;
    int64_t written, expected; /* bytes of data so far; where the array that is being written ends */
    json_t *header;
};

SafetensorsWriter *safetensors_writer_open(const char *path, Error *error)
{
    SafetensorsWriter *writer = allocate_zeroed(1, sizeof *writer);
    writer->path = arena_format(&writer->arena, "%s", path);
    writer->whole_path = arena_format(&writer->arena, "%s~", path);
    writer->data_path = arena_format(&writer->arena, "%s.data~", path);
    writer->header = json_object();
    writer->data = fopen(writer->data_path, "w+b");
    if (!writer->data) {
        error_set(error, "%s: cannot be written: %s", path, strerror(errno));
        safetensors_writer_abandon(writer);
        return NULL;
    }
    return writer;
}

void safetensors_writer_begin(SafetensorsWriter *writer, const char *name, Dtype dtype, int rank, const int64_t *shape)
{
    assert(writer->written == writer->expected);
    Array array = { .rank = rank };
    memcpy(array.shape, shape, (size_t)rank * sizeof *shape);
    writer->expected += array_elements(&array) * (int64_t)dtype_size(dtype);

    json_t *dimensions = json_array();
    for (int i = 0; i < rank; i++) json_array_append_new(dimensions, json_integer(shape[i]));
    json_t *entry = json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtype_name(dtype), "shape", dimensions, "data_offsets",
                              (json_int_t)writer->written, (json_int_t)writer->expected);
    assert(entry && !json_object_get(writer->header, name));
    json_object_set_new(writer->header, name, entry);
}

void safetensors_writer_append(SafetensorsWriter *writer, const void *bytes, size_t size)
{
    fwrite(bytes, 1, size, writer->data); /* a failure stays in ferror until writer_close looks */
    writer->written += (int64_t)size;
    assert(writer->written <= writer->expected);
}

static void copy(FILE *from, FILE *to)
{
    char block[1 << 16];
    size_t size;
    while ((size = fread(block, 1, sizeof block, from)) > 0) fwrite(block, 1, size, to);
}

void safetensors_writer_close(SafetensorsWriter *writer, Error *error)
{
    assert(writer->written == writer->expected);
    char *header = json_dumps(writer->header, JSON_COMPACT);
    assert(header);
    uint64_t length = strlen(header), padding = (8 - length % 8) % 8; /* spaces, so that the data is aligned */
    uint64_t padded = length + padding;

    errno = 0;
    FILE *whole = fopen(writer->whole_path, "wb");
    if (whole) {
        fwrite(&padded, sizeof padded, 1, whole);
        fwrite(header, 1, length, whole);
        fwrite("        ", 1, padding, whole);
        rewind(writer->data);
        copy(writer->data, whole);
    }
    bool bad = !whole || ferror(writer->data) || ferror(whole);
    if (whole && fclose(whole) != 0) bad = true;
    if (bad || rename(writer->whole_path, writer->path) != 0) {
        error_set(error, "%s: cannot be written: %s", writer->path, strerror(errno));
        remove(writer->whole_path);
    }
    free(header);
    safetensors_writer_abandon(writer);
}

void safetensors_writer_abandon(SafetensorsWriter *writer)
{
    if (!writer) return;
    if (writer->data) {
        fclose(writer->data);
        remove(writer->data_path);
    }
    json_decref(writer->header);
    arena_free(&writer->arena);
    free(writer);
}
