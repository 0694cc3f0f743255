/* feature_extractor_settings.c - the JSON files beside a model that set its Gemma4AudioFeatureExtractor
 *
 * frame_length, hop_length and fft_length may stand in the file, but Hugging Face computes them from the lengths in
 * milliseconds, and so they are not read.
 */
#include <math.h>
#include <string.h>

#include "audio/feature_extractor.h"
#include "checkpoint/processor_config.h"

enum { LARGEST_RATE = 1 << 20, LARGEST_FRAME = 1 << 20, LARGEST_FEATURE_SIZE = 1 << 12 };

/* Hugging Face takes null for a value here, and then raises; so what is there must be right. */
static double number_or(ConfigReader at, const char *key, double otherwise)
{
    return json_object_get(at.object, key) ? config_number(at, key) : otherwise;
}

static int count_or(ConfigReader at, const char *key, int otherwise, int most)
{
    return json_object_get(at.object, key) ? config_count_at_most(at, key, most) : otherwise;
}

/* A list of feature_size numbers, or NULL */
static double *read_bins(ConfigReader at, const char *key, int feature_size, Arena *arena)
{
    const json_t *list = json_object_get(at.object, key), *number;
    if (!config_has(at, key) || error_is_set(at.error)) return NULL;
    bool right = json_array_size(list) == (size_t)feature_size;
    double *bins = arena_allocate(arena, (size_t)feature_size * sizeof *bins);
    size_t i;
    json_array_foreach(list, i, number)
    {
        right = right && json_is_number(number);
        if (right) bins[i] = json_number_value(number);
    }
    if (!right) config_refuse(at, key, "something else", "a list of feature_size numbers");
    return bins;
}

static int samples_of(ConfigReader at, const char *key, double milliseconds, int sampling_rate)
{
    double samples = rint(sampling_rate * number_or(at, key, milliseconds) / 1000.0);
    if (samples >= 1 && samples <= LARGEST_FRAME) return (int)samples;
    if (!error_is_set(at.error)) config_refuse(at, key, "another length", "from 1 to 1048576 samples");
    return 1;
}

static void read_padding(Gemma4AudioFeatureExtractor *p, ConfigReader at)
{
    p->padding_value = (float)number_or(at, "padding_value", 0);
    const char *side = json_object_get(at.object, "padding_side") ? config_string(at, "padding_side") : "right";
    p->padding_left = strcmp(side, "left") == 0;
    if (!p->padding_left && strcmp(side, "right") != 0) config_refuse(at, "padding_side", side, "left or right");
}

static void read_settings(Gemma4AudioFeatureExtractor *p, ConfigReader at, Arena *arena)
{
    static const char class_name[] = "Gemma4AudioFeatureExtractor";
    const char *type = config_string_or(at, "feature_extractor_type", class_name);
    if (strcmp(type, class_name) != 0) config_refuse(at, "feature_extractor_type", type, class_name);
    p->feature_size = count_or(at, "feature_size", 128, LARGEST_FEATURE_SIZE);
    /* HF would then pad frames in both directions, and raise. */
    if (p->feature_size == 1) config_refuse(at, "feature_size", "1", "more");
    p->sampling_rate = count_or(at, "sampling_rate", 16000, LARGEST_RATE);
    read_padding(p, at);
    p->frame_length = samples_of(at, "frame_length_ms", 20, p->sampling_rate);
    p->hop_length = samples_of(at, "hop_length_ms", 10, p->sampling_rate);
    p->fft_length = config_bool_or(at, "fft_overdrive", false) ? 2 : 1;
    for (int length = 1; length < p->frame_length; length *= 2) p->fft_length *= 2;
    if (p->fft_length < 2) config_refuse(at, "frame_length_ms", "one sample", "at least two");
    p->min_frequency = number_or(at, "min_frequency", 0);
    p->max_frequency = number_or(at, "max_frequency", 8000);
    if (p->min_frequency > p->max_frequency || p->min_frequency < 0)
        config_refuse(at, "min_frequency", "another", "from 0 to max_frequency");
    p->preemphasis = number_or(at, "preemphasis", 0);
    p->preemphasis_htk_flavor = config_bool_or(at, "preemphasis_htk_flavor", true);
    if (number_or(at, "dither", 0) > 0) config_refuse(at, "dither", "noise", "0: noise is another one in each run");
    p->input_scale_factor = number_or(at, "input_scale_factor", 1);
    p->mel_floor = number_or(at, "mel_floor", 1e-3);
    if (!(p->mel_floor > 0)) config_refuse(at, "mel_floor", "0 or less", "more: silence has no logarithm");
    p->per_bin_mean = read_bins(at, "per_bin_mean", p->feature_size, arena);
    p->per_bin_stddev = read_bins(at, "per_bin_stddev", p->feature_size, arena);
}

/* window_function: periodic Hann, by numpy.hanning */
static float *hann(int frame_length, Arena *arena)
{
    float *window = arena_allocate(arena, (size_t)frame_length * sizeof *window);
    for (int i = 0; i < frame_length; i++)
        window[i] = (float)(0.5 + 0.5 * cos(M_PI * (2 * i - frame_length) / frame_length));
    return window;
}

void gemma4_audio_load(Gemma4AudioFeatureExtractor *p, const char *folder, Arena *arena, Error *error)
{
    static const char *const keys[] = { "feature_extractor", "audio_processor", NULL };
    static const char *const files[] = { "processor_config.json", "preprocessor_config.json", NULL };
    ConfigReader at = { .error = error };
    *p = (Gemma4AudioFeatureExtractor){ 0 };
    json_t *whole = processor_config_open(folder, keys, files, &at, arena);
    json_t *defaults = json_object();
    if (!whole) at.object = defaults;
    if (!error_is_set(error)) read_settings(p, at, arena);
    if (!error_is_set(error)) {
        p->window = hann(p->frame_length, arena);
        p->mel_filters = mel_filter_bank(p->fft_length / 2 + 1, p->feature_size, p->min_frequency, p->max_frequency,
                                         p->sampling_rate, arena);
        p->fft = rfft_plan(p->fft_length, arena);
    }
    json_decref(defaults);
    json_decref(whole);
}
