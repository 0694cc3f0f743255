/* sounds.h - WAV files to input_features and input_features_mask in a file of inputs */
#ifndef PLUMB_SOUNDS_H
#define PLUMB_SOUNDS_H

#include "audio/unified_feature_extractor.h"
#include "checkpoint/safetensors.h"

typedef struct {
    const char *path;
    int64_t samples; /* of the file */
    int soft_tokens; /* frames of its own */
} SoundReport;

/* reports: [count], with paths; the rest is filled in. Nothing is written where count is 0. */
void sounds_write(SafetensorsWriter *writer, const Gemma4UnifiedAudioFeatureExtractor *p, SoundReport *reports,
                  int count, Arena *arena, Error *error);

#endif
