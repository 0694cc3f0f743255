/* found_features.h - input_features and input_features_mask of a dump: what a backend's own feature extractor made
 *
 * They may be padded to another length, and a dimension of 1 may be missing.
 */
#ifndef PLUMB_FOUND_FEATURES_H
#define PLUMB_FOUND_FEATURES_H

#include "dump/dump.h"
#include "sounds/extraction.h"

typedef struct {
    const Array *input_features, *input_features_mask; /* as they lie in the dump; NULL: absent */
    int64_t clips, bins;
    int64_t feature_frames, mask_frames; /* of each clip, with padding */
    float *features;                     /* [clips, feature_frames, bins]; NULL: of another layout */
    unsigned char *mask;                 /* [clips, mask_frames], 1 or 0; NULL likewise */
    Arena arena;
} FoundFeatures;

/* only: globs or NULL, as in GradeOptions. error: a dtype or values that the array cannot have */
FoundFeatures found_features_open(const Dump *dump, const Clips *clips, const char *const *only, Error *error);
void found_features_close(FoundFeatures *found);

/* "input_features" and "input_features_mask" */
bool is_of_sounds(const char *name);

#endif
