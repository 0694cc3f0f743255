/* patch_steps.h - pixel_values and image_position_ids graded: the steps before the model
 *
 * Two honest preprocessors differ by the rounding of levels, so an error is counted in roundings of a level, and of the
 * declared class. Positions are right or wrong. Patches behind a picture's last are padding, which is not graded.
 */
#ifndef PLUMB_PATCH_STEPS_H
#define PLUMB_PATCH_STEPS_H

#include "found_patches.h"
#include "lockstep.h"

/* Rms of what rounding to a whole number takes away: the unit of ratios, in levels */
#define ROUNDING_OF_LEVELS 0.28867513459481287

typedef struct {
    Step steps[2]; /* pixel_values, image_position_ids: those that the dump holds */
    int count;
    double residual; /* sum of squares in noise units, positions in roundings to whole numbers */
} PatchGrade;

/* Notes of steps live in arena. */
PatchGrade grade_patches(const FoundPatches *found, const Patches *expected, const Gemma4ImageProcessor *p,
                         const Class *class, Arena *arena);

/* Against the honest way that it is nearest to; *way becomes its number. */
PatchGrade grade_patches_honestly(const FoundPatches *found, const Pictures *pictures, const Class *class, int *way,
                                  Arena *arena);

/* Whether there are as many patches in each picture, as far as the dump tells */
bool patches_fit(const FoundPatches *found, const Patches *expected);

typedef struct {
    double residual, product,
        power;        /* sums of r r, r d and d d in noise units: r = found - honest, d = other - honest */
    double count;     /* of pixel values that were matched */
    double worst_row; /* the largest d d of a patch, a value */
    bool touches[2];  /* whether d is seen in pixel_values, in image_position_ids */
} PatchMatch;

/* Rounding is not random where a picture is smooth: of an error, less than this share may look like a bug by chance. */
#define SEEN_SHARE 0.2
/* Whether `other` could be told from honest rounding: by the share that it had in the error, or in one patch */
bool patches_show(const PatchMatch *match);

PatchMatch match_patches(const FoundPatches *found, const Patches *honest, const Patches *other,
                         const Gemma4ImageProcessor *p, const Class *class);

#endif
