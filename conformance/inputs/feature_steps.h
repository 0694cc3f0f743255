/* feature_steps.h - input_features and input_features_mask graded: the steps before the model that hears
 *
 * The unit is float32's rounding of the log-mel: of the value itself, and of a spectrum whose bins are each off by one
 * rounding of the frame, which the logarithm magnifies where a quiet bin stands beside loud ones. To that comes a
 * rounding of the declared class. The mask is right or wrong, and a frame of padding is 0.
 */
#ifndef PLUMB_FEATURE_STEPS_H
#define PLUMB_FEATURE_STEPS_H

#include "grade/arithmetic_class.h"
#include "grade/grade.h"
#include "inputs/found_features.h"

/* Limits of the ratio of input_features, and of its worst frame (docs/sound.md has the measurements) */
#define MOST_FEATURE_RATIO 3
#define MOST_FRAME_RATIO 7

typedef struct {
    Step steps[2]; /* input_features, input_features_mask: those that the dump holds */
    int count;
    double residual; /* sum of squares in noise units, and MASK_WEIGHT for each frame that the mask has wrong */
} FeatureGrade;

#define MASK_WEIGHT 12.0

/* Notes of steps live in arena. */
FeatureGrade grade_features(const FoundFeatures *found, const SoundFeatures *expected, const ArithmeticClass *class,
                            Arena *arena);

/* In noise units, r = found - honest, d = other - honest */
typedef struct {
    double residual, product, power; /* sums of r r, r d, d d */
    bool touches[2];                 /* whether d is seen in input_features, in input_features_mask */
} FeatureMatch;

FeatureMatch match_features(const FoundFeatures *found, const SoundFeatures *honest, const SoundFeatures *other,
                            const ArithmeticClass *class);

#endif
