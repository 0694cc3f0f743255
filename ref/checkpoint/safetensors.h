/* safetensors.h - the one file format of the project: weights, inputs and dumps
 *
 *     Safetensors *file = safetensors_open("model.safetensors", &error);
 *     const Array *weight = safetensors_find(file, "model.vision_tower.patch_embedder.input_proj.weight");
 *     safetensors_close(file);
 *
 * The file is mapped, not read; arrays point into the mapping and live as long as it does.
 * A file is accepted whole or refused: header within the file, known dtypes, sizes that agree with shapes, and data
 * that covers the rest of the file without overlap or gap, as the format's own library demands.
 */
#ifndef PLUMB_SAFETENSORS_H
#define PLUMB_SAFETENSORS_H

#include <stdio.h>

#include "checkpoint/array.h"
#include "run/error.h"

typedef struct Safetensors Safetensors;

Safetensors *safetensors_open(const char *path, Error *error); /* NULL with error set */
void safetensors_close(Safetensors *file);                     /* NULL is fine */
const char *safetensors_path(const Safetensors *file);
int safetensors_count(const Safetensors *file);
const Array *safetensors_array(const Safetensors *file, int index);       /* sorted by name */
const Array *safetensors_find(const Safetensors *file, const char *name); /* NULL if absent */

void safetensors_let_go(Safetensors *file); /* of the pages read so far; they come back from the file */

/* Writes arrays one after another, each in as many pieces as it comes in. Nothing appears at path before
 * safetensors_writer_close succeeds; safetensors_writer_abandon leaves nothing behind. */
typedef struct SafetensorsWriter SafetensorsWriter;

SafetensorsWriter *safetensors_writer_open(const char *path, Error *error);
void safetensors_writer_begin(SafetensorsWriter *writer, const char *name, Dtype dtype, int rank, const int64_t *shape);
void safetensors_writer_append(SafetensorsWriter *writer, const void *bytes, size_t size);
void safetensors_writer_close(SafetensorsWriter *writer, Error *error);
void safetensors_writer_abandon(SafetensorsWriter *writer); /* NULL is fine */

#endif
