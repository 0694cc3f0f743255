/* extraction.c - frames, spectrum, mel and logarithm in float64, each step as the extraction says */
#include "sounds/extraction.h"

#include <math.h>
#include <string.h>

static const double one_rounding = 0x1p-24;

/* ---------------------------------------------------------------- tables */

/* Linear below 1000 Hz, logarithmic above: of Slaney's toolbox, librosa and Whisper */
static double slaney(double hertz) { return hertz < 1000 ? hertz * 3 / 200 : 15 + log(hertz / 1000) * 27 / log(6.4); }
static double slaney_hertz(double mel) { return mel < 15 ? mel * 200 / 3 : 1000 * exp((mel - 15) * log(6.4) / 27); }
static double htk(double hertz) { return 2595 * log10(1 + hertz / 700); }
static double htk_hertz(double mel) { return 700 * (pow(10, mel / 2595) - 1); }

/* Triangle m of the filter bank, [fft_length / 2 + 1] */
static void mel_filter(const Extraction *how, int m, double *weights)
{
    const Gemma4AudioFeatureExtractor *s = &how->settings;
    double from = how->slaney_scale ? slaney(s->min_frequency) : htk(s->min_frequency);
    double to = how->slaney_scale ? slaney(s->max_frequency) : htk(s->max_frequency), corner[3];
    for (int i = 0; i < 3; i++) {
        double mel = from + (to - from) * (m + i) / (s->feature_size + 1);
        corner[i] = how->slaney_scale ? slaney_hertz(mel) : htk_hertz(mel);
    }
    for (int bin = 0; bin <= s->fft_length / 2; bin++) {
        double hertz = (double)bin * s->sampling_rate / s->fft_length;
        double up = (hertz - corner[0]) / (corner[1] - corner[0]), down = (corner[2] - hertz) / (corner[2] - corner[1]);
        weights[bin] = fmax(0, fmin(up, down)) * (how->slaney_norm ? 2 / (corner[2] - corner[0]) : 1);
    }
}

static double window_at(const Extraction *how, int i)
{
    int length = how->settings.frame_length;
    double place = how->window == WINDOW_HALF_SAMPLE ? i + 0.5 : i;
    return 0.5 - 0.5 * cos(2 * M_PI * place / (how->window == WINDOW_SYMMETRIC ? length - 1 : length));
}

typedef struct {
    double *window;  /* [frame_length] */
    double *filters; /* [feature_size, fft_length / 2 + 1] */
    RealFft fft;
    double *frame, *work; /* [fft_length] */
} Tables;

static Tables make_tables(const Extraction *how, Arena *arena)
{
    const Gemma4AudioFeatureExtractor *s = &how->settings;
    size_t bins = (size_t)s->fft_length / 2 + 1;
    Tables t = { .fft = rfft_plan(s->fft_length, arena) };
    t.window = arena_allocate(arena, (size_t)s->frame_length * sizeof *t.window);
    t.filters = arena_allocate(arena, (size_t)s->feature_size * bins * sizeof *t.filters);
    t.frame = arena_allocate(arena, (size_t)s->fft_length * sizeof *t.frame);
    t.work = arena_allocate(arena, (size_t)s->fft_length * sizeof *t.work);
    for (int i = 0; i < s->frame_length; i++) t.window[i] = window_at(how, i);
    for (int m = 0; m < s->feature_size; m++) mel_filter(how, m, t.filters + (size_t)m * bins);
    return t;
}

/* ---------------------------------------------------------------- one frame */

/* The windowed frame at x into t->frame -> its norm before preemphasis, whose rounding is that of what goes into it */
static double cut_frame(const Extraction *how, Tables *t, const double *x)
{
    const Gemma4AudioFeatureExtractor *s = &how->settings;
    double c = s->preemphasis, squares = 0;
    memset(t->frame, 0, (size_t)s->fft_length * sizeof *t->frame);
    for (int i = 0; i < s->frame_length; i++) {
        double sample = x[i];
        if (c > 0 && !s->preemphasis_htk_flavor)
            sample = x[i + 1] - c * x[i];
        else if (c > 0)
            sample = i == 0 ? x[0] * (1 - c) : x[i] - c * x[i - 1];
        t->frame[i] = sample * t->window[i];
        squares += x[i] * t->window[i] * x[i] * t->window[i];
    }
    return sqrt(squares);
}

/* The spectrum of t->frame, in rfft.h's order, becomes magnitudes in t->work. */
static void take_magnitudes(const Extraction *how, Tables *t)
{
    int last = how->settings.fft_length / 2;
    rfft_run(&t->fft, t->frame, t->work);
    t->work[0] = fabs(t->frame[0]);
    for (int i = 1; i < last; i++) t->work[i] = hypot(t->frame[2 * i - 1], t->frame[2 * i]);
}

static double magnitude_at(const Extraction *how, const Tables *t, int bin)
{
    int last = how->settings.fft_length / 2; /* which work has no room for where fft_length is 2 */
    return bin == last ? fabs(t->frame[2 * last - 1]) : t->work[bin];
}

static double logarithm(const Extraction *how, double mel)
{
    double floor = how->settings.mel_floor;
    double value = log(how->log_rule == LOG_OF_LARGER ? fmax(mel, floor) : mel + floor);
    return how->log_rule == LOG10_OF_SUM ? value / log(10) : value;
}

static void log_mel(const Extraction *how, const Tables *t, double norm, float *features, float *spread)
{
    const Gemma4AudioFeatureExtractor *s = &how->settings;
    int bins = s->fft_length / 2 + 1;
    for (int m = 0; m < s->feature_size; m++) {
        const double *weights = t->filters + (size_t)m * (size_t)bins;
        double mel = 0, squares = 0;
        for (int i = 0; i < bins; i++) {
            if (weights[i] == 0) continue;
            double magnitude = magnitude_at(how, t, i), slope = weights[i] * (how->power ? 2 * magnitude : 1);
            mel += weights[i] * (how->power ? magnitude * magnitude : magnitude);
            squares += slope * slope;
        }
        double divisor = s->per_bin_stddev ? s->per_bin_stddev[m] : 1;
        features[m] = (float)((logarithm(how, mel) - (s->per_bin_mean ? s->per_bin_mean[m] : 0)) / divisor);
        spread[m] = (float)fabs(one_rounding * norm * sqrt(squares) / (mel + s->mel_floor) / divisor);
    }
}

/* ---------------------------------------------------------------- clips */

enum { MAX_LENGTH = 480000, PAD_TO_MULTIPLE_OF = 128 };

static int64_t truncated(int64_t samples) { return samples < MAX_LENGTH ? samples : MAX_LENGTH; }

static int64_t padded_length(const Clips *clips)
{
    return (truncated(clips->longest) + PAD_TO_MULTIPLE_OF - 1) / PAD_TO_MULTIPLE_OF * PAD_TO_MULTIPLE_OF;
}

static int64_t frames_of(const Clips *clips, const Extraction *how)
{
    int64_t rest = padded_length(clips) + how->pad_left - (how->settings.frame_length + how->tail);
    return rest < 0 ? 0 : rest / how->settings.hop_length + 1;
}

/* The clip between its padding, and one zero behind; *first: where the clip stands */
static double *pad_clip(const Clips *clips, int clip, const Extraction *how, int64_t *first, Arena *arena)
{
    const Gemma4AudioFeatureExtractor *s = &how->settings;
    int64_t length = padded_length(clips), own = truncated(clips->waveforms[clip].count);
    double *samples = arena_allocate(arena, (size_t)(how->pad_left + length + 1) * sizeof *samples);
    memset(samples, 0, (size_t)(how->pad_left + length + 1) * sizeof *samples);
    *first = how->pad_left + (s->padding_left ? length - own : 0);
    for (int64_t i = how->pad_left; i < how->pad_left + length; i++) {
        bool is_own = i >= *first && i < *first + own;
        double sample = is_own ? clips->waveforms[clip].samples[i - *first] : (double)s->padding_value;
        samples[i] = sample * s->input_scale_factor * how->sample_scale;
    }
    return samples;
}

static bool counts(const Extraction *how, int64_t frame, int64_t first, int64_t own)
{
    int hop = how->settings.hop_length;
    int64_t sample = how->mask_strided ? how->pad_left + frame * hop
                                       : frame * hop + how->settings.frame_length + how->tail - 1;
    return sample >= first && sample < first + own;
}

static SoundFeatures new_features(const Clips *clips, int64_t frames, Arena *arena)
{
    int64_t bins = clips->extractor.feature_size, count = clips->count * frames * bins;
    SoundFeatures f = {
        { .file = "preprocessing",
          .name = "input_features",
          .dtype = DTYPE_F32,
          .rank = 3,
          .shape = { clips->count, frames, bins } },
        { .file = "preprocessing",
          .name = "input_features_mask",
          .dtype = DTYPE_BOOL,
          .rank = 2,
          .shape = { clips->count, frames } },
        memset(arena_allocate(arena, (size_t)count * sizeof(float)), 0, (size_t)count * sizeof(float)),
    };
    f.input_features.data = arena_allocate(arena, (size_t)count * sizeof(float));
    f.input_features_mask.data = arena_allocate(arena, checked_size(clips->count, frames, 1));
    return f;
}

static void extract_clip(const Clips *clips, int clip, const Extraction *how, Tables *tables, const SoundFeatures *to)
{
    Arena arena = { 0 };
    int64_t first, frames = to->input_features.shape[1], bins = to->input_features.shape[2];
    double *samples = pad_clip(clips, clip, how, &first, &arena);
    for (int64_t f = 0; f < frames; f++) {
        int64_t row = clip * frames + f;
        float *features = (float *)to->input_features.data + row * bins;
        double norm = cut_frame(how, tables, samples + f * how->settings.hop_length);
        bool valid = counts(how, f, first, truncated(clips->waveforms[clip].count));
        take_magnitudes(how, tables);
        log_mel(how, tables, norm, features, to->spread + row * bins);
        ((unsigned char *)to->input_features_mask.data)[row] = valid;
        if (valid || how->padding_kept) continue;
        memset(features, 0, (size_t)bins * sizeof *features);
        memset(to->spread + row * bins, 0, (size_t)bins * sizeof *to->spread);
    }
    arena_free(&arena);
}

SoundFeatures extract_features(const Clips *clips, const Extraction *how, Arena *arena)
{
    SoundFeatures features = new_features(clips, frames_of(clips, how), arena);
    Arena of_tables = { 0 };
    Tables tables = make_tables(how, &of_tables);
    for (int clip = 0; clip < clips->count; clip++) extract_clip(clips, clip, how, &tables, &features);
    arena_free(&of_tables);
    return features;
}

/* ---------------------------------------------------------------- the right one */

Extraction right_extraction(const Clips *clips)
{
    return (Extraction){
        .settings = clips->extractor, .sample_scale = 1, .pad_left = clips->extractor.frame_length / 2, .tail = 1
    };
}

SoundFeatures features_of_hugging_face(const Clips *clips, Arena *arena)
{
    Extraction right = right_extraction(clips);
    SoundFeatures features = extract_features(clips, &right, arena);
    int64_t frames = features.input_features.shape[1], bins = features.input_features.shape[2];
    for (int64_t clip = 0; clip < clips->count; clip++)
        gemma4_audio_extract(&clips->extractor, clips->waveforms[clip], clips->longest,
                             (float *)features.input_features.data + clip * frames * bins,
                             (unsigned char *)features.input_features_mask.data + clip * frames);
    return features;
}
