/* unified_feature_extractor.c - Gemma4UnifiedAudioFeatureExtractor, and SequenceFeatureExtractor.pad behind it
 *
 *   waveform [samples]
 *     _extract_waveform_features  -> [own frames, audio_samples_per_token], zeros in the rest of the last frame
 *     _truncate                   -> [at most max_length, ..]
 *     _pad                        -> [frames of the longest clip, ..], padding_value behind or before
 */
#include "audio/unified_feature_extractor.h"

#include <string.h>

#include "checkpoint/processor_config.h"

/* Hugging Face takes null for a value here, and then raises; so what is there must be right. */
static int count_or(ConfigReader at, const char *key, int otherwise)
{
    return json_object_get(at.object, key) ? config_count(at, key) : otherwise;
}

static void read_settings(Gemma4UnifiedAudioFeatureExtractor *p, ConfigReader at)
{
    static const char class_name[] = "Gemma4UnifiedAudioFeatureExtractor";
    const char *type = config_string_or(at, "feature_extractor_type", class_name);
    if (strcmp(type, class_name) != 0) config_refuse(at, "feature_extractor_type", type, class_name);
    p->sampling_rate = count_or(at, "sampling_rate", p->sampling_rate);
    p->audio_samples_per_token = count_or(at, "audio_samples_per_token", p->audio_samples_per_token);
    if (json_object_get(at.object, "padding_value")) p->padding_value = (float)config_number(at, "padding_value");

    const char *side = json_object_get(at.object, "padding_side") ? config_string(at, "padding_side") : "right";
    p->padding_left = strcmp(side, "left") == 0;
    if (!p->padding_left && strcmp(side, "right") != 0) config_refuse(at, "padding_side", side, "left or right");

    /* HF asks only whether it is 1: it would then pad frames in both directions. */
    if (count_or(at, "feature_size", 2) == 1)
        config_refuse(at, "feature_size", "1", "more: a clip is a list of frames");
}

void gemma4_unified_audio_load(Gemma4UnifiedAudioFeatureExtractor *p, const char *folder, int max_length, Error *error)
{
    static const char *const keys[] = { "feature_extractor", "audio_processor", NULL };
    static const char *const files[] = { "processor_config.json", "preprocessor_config.json", NULL };
    Arena arena = { 0 };
    ConfigReader at = { .error = error };
    *p = (Gemma4UnifiedAudioFeatureExtractor){ .sampling_rate = 16000,
                                               .audio_samples_per_token = 640,
                                               .max_length = max_length };
    json_t *whole = processor_config_open(folder, keys, files, &at, &arena);
    if (whole && !error_is_set(error)) read_settings(p, at);
    json_decref(whole);
    arena_free(&arena);
}

int64_t gemma4_unified_audio_frames(const Gemma4UnifiedAudioFeatureExtractor *p, int64_t samples)
{
    int64_t num_tokens = (samples + p->audio_samples_per_token - 1) / p->audio_samples_per_token;
    return p->max_length && num_tokens > p->max_length ? p->max_length : num_tokens;
}

void gemma4_unified_audio_extract(const Gemma4UnifiedAudioFeatureExtractor *p, Waveform waveform, int64_t frames,
                                  float *input_features, unsigned char *input_features_mask)
{
    int64_t width = p->audio_samples_per_token, own = gemma4_unified_audio_frames(p, waveform.count);
    int64_t first = p->padding_left ? frames - own : 0, wanted = own * width;
    int64_t samples = waveform.count < wanted ? waveform.count : wanted;
    float *features = input_features + first * width;
    memcpy(features, waveform.samples, (size_t)samples * sizeof *features);
    memset(features + samples, 0, (size_t)(wanted - samples) * sizeof *features);
    for (int64_t i = 0; i < frames; i++) {
        bool padding = i < first || i >= first + own;
        input_features_mask[i] = !padding;
        for (int64_t j = 0; padding && j < width; j++) input_features[i * width + j] = p->padding_value;
    }
}
