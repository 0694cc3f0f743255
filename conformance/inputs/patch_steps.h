/* patch_steps.h - pixel_values and image_position_ids graded: the steps before the model
 *
 * Positions are right or wrong. Patches behind a picture's last are padding, which is not graded.
 */
#ifndef PLUMB_PATCH_STEPS_H
#define PLUMB_PATCH_STEPS_H

#include "grade/grade.h"
#include "inputs/patch_match.h"

typedef struct {
    Step steps[2]; /* pixel_values, image_position_ids: those that the dump holds */
    int count;
    double residual; /* sum of squares in noise units, positions in roundings to whole numbers */
} PatchGrade;

/* Notes of steps live in arena. */
PatchGrade grade_patches(const DumpedPatches *found, const Patches *expected, const Gemma4ImageProcessor *p,
                         const ArithmeticClass *class, Arena *arena);

/* Against the honest way that it is nearest to; *way becomes that one. */
PatchGrade grade_patches_honestly(const DumpedPatches *found, const Pictures *pictures, const ArithmeticClass *class,
                                  HonestPreprocessing *way, Arena *arena);

/* Whether there are as many patches in each picture, as far as the dump tells */
bool patches_fit(const DumpedPatches *found, const Patches *expected);

#endif
