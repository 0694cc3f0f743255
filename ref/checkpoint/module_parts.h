/* module_parts.h - what a quantiser wrote instead of a module's weight, and the weight that is made of it
 *
 *     Parts parts = { checkpoint, error, .module = "model.layers.0.mlp.up_proj" };
 *     const Array *scale = part_needed(&parts, "weight_scale");
 *     ...
 *     part_becomes_weight(&parts, &grid->encoding, rank, shape);
 *
 * Parts that are asked for are no tensors of the checkpoint any more once parts_settle has run; the weight is one.
 */
#ifndef PLUMB_MODULE_PARTS_H
#define PLUMB_MODULE_PARTS_H

#include "checkpoint/checkpoint.h"

typedef struct {
    Checkpoint *checkpoint;
    Error *error;
    const char *module; /* its name as the file's tensors begin */
} Parts;

/* Tensor "module.part", which is a part from now on; NULL if absent, in which case part_needed sets the error. */
const Array *part_found(Parts *parts, const char *part);
const Array *part_needed(Parts *parts, const char *part);
/* Sets the error unless the dtype is the expected one (DTYPE_COUNT: any float) and the shape is. A NULL is let pass. */
void part_check(Parts *parts, const Array *array, Dtype dtype, int rank, const int64_t *shape);
/* Sets the error where rows of so many columns are no whole number of groups, each of which has one of the scales. */
void part_check_groups(Parts *parts, const Array *scales, int64_t columns, int64_t group);
/* -> the weight, whose inputs may be set */
Array *part_becomes_weight(Parts *parts, const Encoding *encoding, int rank, const int64_t *shape);
void parts_settle(Checkpoint *checkpoint);

#endif
