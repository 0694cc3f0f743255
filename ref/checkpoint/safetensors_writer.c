/* safetensors_writer.c - arrays are streamed behind a place that is kept for the header, which is known last */
#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/safetensors.h"
#include "run/arena.h"
#include "run/output.h"

/* Data begins here, so that a large dump is written once. What the
 * header leaves of that space becomes blanks, which the format allows. */
enum { HEADER_SPACE = 1 << 20 };

struct SafetensorsWriter {
    Output *output;
    int64_t written, expected; /* bytes of data so far; where the array that is being written ends */
    json_t *header;
};

SafetensorsWriter *safetensors_writer_open(const char *path, Error *error)
{
    Output *output = output_open(path, error);
    if (!output) return NULL;
    SafetensorsWriter *writer = allocate_zeroed(1, sizeof *writer);
    writer->output = output;
    writer->header = json_object();
    fseeko(output_stream(output), HEADER_SPACE, SEEK_SET);
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
    fwrite(bytes, 1, size, output_stream(writer->output)); /* a failure stays in ferror until output_close looks */
    writer->written += (int64_t)size;
    assert(writer->written <= writer->expected);
}

/* Moves the data from HEADER_SPACE to its last place: to the front where there is little of it, so that a small file
 * stays small; to the back where the header needs more than its space. */
static void move_data(FILE *stream, int64_t size, int64_t place)
{
    char block[1 << 16];
    bool forward = place < HEADER_SPACE;
    for (int64_t done = 0, step; done < size; done += step) {
        step = size - done < (int64_t)sizeof block ? size - done : (int64_t)sizeof block;
        int64_t at = forward ? done : size - done - step;
        fseeko(stream, HEADER_SPACE + at, SEEK_SET);
        if (fread(block, 1, (size_t)step, stream) != (size_t)step) return; /* ferror keeps it */
        fseeko(stream, place + at, SEEK_SET);
        fwrite(block, 1, (size_t)step, stream);
    }
}

void safetensors_writer_close(SafetensorsWriter *writer, Error *error)
{
    assert(writer->written == writer->expected);
    char *header = json_dumps(writer->header, JSON_COMPACT);
    assert(header);
    FILE *stream = output_stream(writer->output);
    uint64_t length = strlen(header), padded = (length + 7) / 8 * 8; /* so that the data is aligned */
    bool small = writer->written <= HEADER_SPACE, fits = 8 + padded <= HEADER_SPACE;
    if (!small && fits) padded = HEADER_SPACE - 8;
    if (small || !fits) move_data(stream, writer->written, (int64_t)(8 + padded));

    fseeko(stream, 0, SEEK_SET); /* not rewind, which forgets an earlier failure */
    fwrite(&padded, sizeof padded, 1, stream);
    fprintf(stream, "%-*s", (int)padded, header);
    free(header);
    output_cut(writer->output, (long)(8 + padded) + writer->written);
    output_close(writer->output, error);
    writer->output = NULL;
    safetensors_writer_abandon(writer);
}

void safetensors_writer_abandon(SafetensorsWriter *writer)
{
    if (!writer) return;
    output_abandon(writer->output);
    json_decref(writer->header);
    free(writer);
}
