/* feature_extractor.h - Gemma4AudioFeatureExtractor: a waveform to frames of a log-mel spectrum */
#ifndef PLUMB_FEATURE_EXTRACTOR_H
#define PLUMB_FEATURE_EXTRACTOR_H

#include <stdbool.h>

#include "audio/mel_filter_bank.h"
#include "audio/rfft.h"
#include "audio/wav.h"

/* The JSON files beside a model can set these, or they follow from what is set; fields are Hugging Face's. */
typedef struct {
    int feature_size, sampling_rate;
    float padding_value;
    bool padding_left; /* padding_side */
    double min_frequency, max_frequency, preemphasis, input_scale_factor, mel_floor;
    bool preemphasis_htk_flavor;
    double *per_bin_mean, *per_bin_stddev; /* [feature_size] or NULL */
    int frame_length, hop_length, fft_length;
    float *window;          /* [frame_length] */
    MelFilter *mel_filters; /* [feature_size] */
    RealFft fft;
} Gemma4AudioFeatureExtractor;

/* Reads the file of the folder, or takes Hugging Face's defaults where it holds none. Tables live in the arena. */
void gemma4_audio_load(Gemma4AudioFeatureExtractor *p, const char *folder, Arena *arena, Error *error);

/* Frames of every clip of a batch whose longest has so many samples; 0 where that is shorter than one */
int64_t gemma4_audio_frames(const Gemma4AudioFeatureExtractor *p, int64_t longest);

/* -> input_features [frames, feature_size] and input_features_mask [frames], 1 or 0, of one clip of that batch */
void gemma4_audio_extract(const Gemma4AudioFeatureExtractor *p, Waveform waveform, int64_t longest,
                          float *input_features, unsigned char *input_features_mask);

/* Gemma4Processor.replace_audio_token: the frames that are left of the mask after two convolutions of stride 2 */
int gemma4_audio_soft_tokens(const unsigned char *input_features_mask, int64_t frames);

#endif
