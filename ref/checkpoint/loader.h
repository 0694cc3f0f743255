/* loader.h - hands a module its tensors
 *
 * A Loader is a place in the module tree. Each class asks for its own tensors by their Hugging Face names and exact
 * shapes and passes a child's place on; the first thing that is wrong stays in error, so nothing is checked in between.
 *
 *     m->weight = load_tensor(at, "weight", out_features, in_features);
 *     gemma4_rms_norm_load(&m->q_norm, child(at, "q_norm"), head_dim, eps, true);
 */
#ifndef PLUMB_LOADER_H
#define PLUMB_LOADER_H

#include "checkpoint/checkpoint.h"

typedef struct {
    Checkpoint *checkpoint;
    const char *path; /* "model.vision_tower.encoder.layers.3" */
    Error *error;
} Loader;

Loader child(Loader at, const char *name);
Loader child_at(Loader at, const char *name, int index);

/* A weight of exactly this shape, in any float dtype, all finite; otherwise error is set and the result is NULL. */
#define load_tensor(at, name, ...) \
    loader_tensor(at, name, (int)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)), (int64_t[]){ __VA_ARGS__ })
const Array *loader_tensor(Loader at, const char *name, int rank, const int64_t *shape);

/* A table that is read by row: as load_tensor, but its values are not looked at. */
const Array *load_table(Loader at, const char *name, int64_t rows, int64_t columns);

bool has_tensor(Loader at, const char *name);
double load_scalar(Loader at, const char *name); /* shape [], infinity allowed, NaN not */
void *load_memory(Loader at, size_t bytes);      /* cleared; lives as long as the checkpoint */

#endif
