/* patch_match.h - patches compared with what was found, in units of noise
 *
 * Two honest preprocessors differ by the rounding of levels, so the unit is one rounding of a level, and one of the
 * declared class.
 */
#ifndef PLUMB_PATCH_MATCH_H
#define PLUMB_PATCH_MATCH_H

#include "inputs/dumped_patches.h"
#include "grade/arithmetic_class.h"

/* Rms of what rounding to a whole number takes away, in levels */
#define ROUNDING_OF_LEVELS 0.28867513459481287

/* Limits of the ratio of pixel_values, and of its worst patch (docs/images.md). Honest: up to 1.4 and 2.1, of ports
 * that round to levels between the passes too, the vertical one first. */
#define MOST_PIXEL_RATIO 2
#define MOST_PATCH_RATIO 4

typedef struct {
    double *levels; /* [width], of a patch: the variance of a level's rounding, which is its channel's */
    double rounding;
} PatchNoise;

PatchNoise patch_noise(const Gemma4ImageProcessor *p, const ArithmeticClass *class, int64_t width, Arena *arena);

static inline double patch_variance(const PatchNoise *noise, int64_t j, double value)
{
    return noise->levels[j] + noise->rounding * value * value;
}

/* The values and the position of patch i of a picture; behind the last one `zeros`, and (-1, -1) */
const float *patch_values(const Patches *patches, int64_t picture, int64_t i, const float *zeros);
const int64_t *patch_position(const Patches *patches, int64_t picture, int64_t i);
bool patch_is_padding(const int64_t *xy);

/* In noise units, r = found - honest, d = other - honest; positions in roundings to whole numbers */
typedef struct {
    double residual, product, power; /* sums of r r, r d, d d */
    double count;                    /* of pixel values that were matched */
    double worst_row;                /* the largest d d of a patch, a value */
    bool touches[2];                 /* whether d is seen in pixel_values, in image_position_ids */
} PatchMatch;

PatchMatch match_patches(const DumpedPatches *found, const Patches *honest, const Patches *other,
                         const Gemma4ImageProcessor *p, const ArithmeticClass *class);

/* Rounding is not random where a picture is smooth: less than this share of an error may look like a bug by chance. */
#define SEEN_SHARE 0.2
/* Whether `other` could be told from honest rounding: by the share that it had in the error, or in one patch */
bool patches_show(const PatchMatch *match);

#endif
