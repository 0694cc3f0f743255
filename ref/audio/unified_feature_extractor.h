/* unified_feature_extractor.h - Gemma4UnifiedAudioFeatureExtractor: a waveform to frames of raw samples */
#ifndef PLUMB_UNIFIED_FEATURE_EXTRACTOR_H
#define PLUMB_UNIFIED_FEATURE_EXTRACTOR_H

#include <stdbool.h>

#include "audio/wav.h"

/* The JSON files beside a model can set these; fields are Hugging Face's. */
typedef struct {
    int sampling_rate;
    float padding_value;
    int audio_samples_per_token;
    bool padding_left; /* padding_side */
    int max_length;    /* an argument of a call: frames of a clip, at most; 0: all */
} Gemma4UnifiedAudioFeatureExtractor;

/* Reads the file of the folder, or takes Hugging Face's defaults where it holds none. */
void gemma4_unified_audio_load(Gemma4UnifiedAudioFeatureExtractor *p, const char *folder, int max_length, Error *error);

/* Frames, which are soft tokens, of a clip */
int64_t gemma4_unified_audio_frames(const Gemma4UnifiedAudioFeatureExtractor *p, int64_t samples);

/* Frames of the longest clip of a batch -> input_features [frames, audio_samples_per_token] and input_features_mask
 * [frames], 1 or 0, of this one. */
void gemma4_unified_audio_extract(const Gemma4UnifiedAudioFeatureExtractor *p, Waveform waveform, int64_t frames,
                                  float *input_features, unsigned char *input_features_mask);

#endif
