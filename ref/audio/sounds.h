/* sounds.h - WAV files to input_features and input_features_mask in a file of inputs */
#ifndef PLUMB_SOUNDS_H
#define PLUMB_SOUNDS_H

#include "audio/feature_extractor.h"
#include "audio/unified_feature_extractor.h"
#include "checkpoint/safetensors.h"

typedef struct {
    const char *path;
    int64_t samples; /* of the file */
    int soft_tokens;
} SoundReport;

/* The extractor of a model's family: one of the two, and the other is NULL. */
typedef struct {
    const Gemma4AudioFeatureExtractor *gemma4;
    const Gemma4UnifiedAudioFeatureExtractor *unified;
} AudioFeatureExtractor;

/* reports: [count], with paths; the rest is filled in. Nothing is written where count is 0. */
void sounds_write(SafetensorsWriter *writer, AudioFeatureExtractor extractor, SoundReport *reports, int count,
                  Arena *arena, Error *error);

#endif
