/* diagnose_features.h - which bug of the feature extractor made a dump's input_features and input_features_mask
 *
 * Every bug is another extraction from the same clips. Each is tried alone; where none makes the bent steps straight,
 * two together. The numbers are those of diagnose.h.
 */
#ifndef PLUMB_DIAGNOSE_FEATURES_H
#define PLUMB_DIAGNOSE_FEATURES_H

#include "diagnose/diagnose.h"
#include "inputs/feature_steps.h"

typedef struct {
    const Clips *clips;
    const FoundFeatures *found;
    const ArithmeticClass *class;
    const FeatureGrade *grade; /* of found, against Hugging Face's */
} FeatureTrial;

/* *explained becomes what the named bugs make of the clips, in arena; it stays as it is if none is named. */
Diagnosis *diagnose_features(const FeatureTrial *trial, SoundFeatures *explained, Arena *arena);

#endif
