/* tensor_grade.h - how well a quantised tensor stands for the original's
 *
 * The unit is what rounding to the nearest does: the rms error of that is gap / sqrt(12), its largest gap / 2, where
 * gap is how far apart two neighbouring values of the element's grid are (code_steps.h). So no kernel, no dtype and no
 * model is in it. Honest quantisers stay near 1 (docs/quantised.md): those that search the scale of least error at
 * 0.96, those that let later weights make up for earlier ones, as GPTQ, at 1.54. One that packs wrongly is far beyond.
 *
 * A tensor that is not quantised has to be the original's, rounded to its dtype.
 */
#ifndef PLUMB_TENSOR_GRADE_H
#define PLUMB_TENSOR_GRADE_H

#include "quantiser/packings.h"

typedef struct {
    const char *name, *scheme; /* as the quantised checkpoint has them */
    int64_t elements;
    bool has_codes;
    double rms;          /* of the tensor; without codes the largest error in halves of its dtype's spacing */
    double worst_group;  /* rms of the group that is worst; 0 where no group is large enough to tell */
    int64_t group_at[2]; /* its row, and its first column */
    double largest;      /* error of an element, in halves of a gap */
    double largest_in_group, largest_elsewhere; /* of that group's elements, and of all others */
    bool pass;
    const char *method;     /* how honest quantisers get there: "rounded to nearest"; NULL where it fails */
    const char *packing;    /* what explains a failure; NULL: nothing that is known */
    const char *packing_id; /* "nibbles-exchanged", .. "constant-factor" */
    double packing_rms;     /* in a file that is read so */
} TensorGrade;

/* The most that passes: rms of a tensor, and of its worst group */
extern const double quantiser_limit;
double quantiser_group_limit(const TensorGrade *grade);

/* Both have as many elements, in the same order; the original is of a float dtype. The grade's texts live in arena. */
TensorGrade tensor_grade(const Array *original, const Array *quantised, Arena *arena);

#endif
