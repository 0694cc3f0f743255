/* reference.h - the forward pass, in float and in double
 *
 *     reference_f64.forward(model, &inputs, &(Pass){ .hook = hook, .hook_context = context });
 *
 * The same sources compiled with another real (run/real.h). inputs must have passed model_check.
 */
#ifndef PLUMB_REFERENCE_H
#define PLUMB_REFERENCE_H

#include "model.h"

typedef struct {
    size_t value_size; /* of Tap.values: sizeof(float) or sizeof(double) */
    void (*forward)(Model *model, const Inputs *inputs, const Pass *pass);
} Reference;

extern const Reference reference_f32, reference_f64;

/* Threads of each operation of a pass, in both builds; until it is set, of products alone, as many as BLAS takes */
void reference_set_threads(int threads);
void reference_set_passes(int passes);   /* so many at the same time, whose products are on one thread each */

#endif
