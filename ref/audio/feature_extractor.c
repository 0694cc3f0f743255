/* feature_extractor.c - Gemma4AudioFeatureExtractor, and SequenceFeatureExtractor.pad before it
 *
 *   waveform [samples]
 *     pad                   -> at most 480,000 samples; the longest of the batch, rounded up to a multiple of 128
 *     _extract_spectrogram  -> frame_length / 2 zeros in front; windows of frame_length + 1 samples every hop_length,
 *                              of which one is for preemphasis only; Hann, FFT, magnitude, mel, ln(mel + mel_floor)
 *     times the mask        -> a frame counts if the last sample of its window is one of the clip
 *
 * Frames are float32, the FFT is float64 and rounded to float32, so are magnitudes, and all after them is float64.
 */
#include "audio/feature_extractor.h"

#include <math.h>
#include <string.h>

enum { MAX_LENGTH = 480000, PAD_TO_MULTIPLE_OF = 128 };

static int64_t truncated(int64_t samples) { return samples < MAX_LENGTH ? samples : MAX_LENGTH; }

static int64_t padded(int64_t longest)
{
    return (truncated(longest) + PAD_TO_MULTIPLE_OF - 1) / PAD_TO_MULTIPLE_OF * PAD_TO_MULTIPLE_OF;
}

int64_t gemma4_audio_frames(const Gemma4AudioFeatureExtractor *p, int64_t longest)
{
    int64_t rest = padded(longest) + p->frame_length / 2 - (p->frame_length + 1);
    return rest < 0 ? 0 : rest / p->hop_length + 1;
}

/* The windowed frame that begins at x, and zeros up to fft_length */
static void window_frame(const Gemma4AudioFeatureExtractor *p, const float *x, double *frame)
{
    float c = (float)p->preemphasis;
    for (int i = 0; i < p->frame_length; i++) {
        float sample = x[i];
        if (p->preemphasis > 0 && !p->preemphasis_htk_flavor)
            sample = x[i + 1] - c * x[i];
        else if (p->preemphasis > 0)
            sample = i == 0 ? x[0] * (float)(1.0 - p->preemphasis) : x[i] - c * x[i - 1];
        frame[i] = sample * p->window[i];
    }
    memset(frame + p->frame_length, 0, (size_t)(p->fft_length - p->frame_length) * sizeof *frame);
}

/* numpy.abs of complex64, as it is on machines that multiply and add in one rounding; on others numpy rounds twice. */
static float magnitude(float re, float im)
{
    float large = fmaxf(fabsf(re), fabsf(im)), small = fminf(fabsf(re), fabsf(im));
    if (large == 0) return 0;
    float ratio = small / large;
    return large * sqrtf(fmaf(ratio, ratio, 1));
}

/* A spectrum in the order of rfft_run -> magnitudes [fft_length / 2 + 1] */
static void magnitudes(const double *stft, int fft_length, float *magnitude_spec)
{
    int last = fft_length / 2;
    magnitude_spec[0] = fabsf((float)stft[0]);
    for (int j = 1; j < last; j++) magnitude_spec[j] = magnitude((float)stft[2 * j - 1], (float)stft[2 * j]);
    magnitude_spec[last] = fabsf((float)stft[fft_length - 1]);
}

static void log_mel(const Gemma4AudioFeatureExtractor *p, const float *magnitude_spec, float *features)
{
    for (int m = 0; m < p->feature_size; m++) {
        const MelFilter *filter = &p->mel_filters[m];
        double mel = 0;
        for (int i = 0; i < filter->count; i++) mel += magnitude_spec[filter->first + i] * filter->weights[i];
        double value = log(mel + p->mel_floor);
        if (p->per_bin_mean) value -= p->per_bin_mean[m];
        if (p->per_bin_stddev) value /= p->per_bin_stddev[m];
        features[m] = (float)value;
    }
}

/* The clip between its padding, with the zeros in front of both; *first, *end: where the clip stands */
static float *pad(const Gemma4AudioFeatureExtractor *p, Waveform waveform, int64_t longest, int64_t *first,
                  int64_t *end, Arena *arena)
{
    int64_t length = padded(longest), own = truncated(waveform.count), pad_left = p->frame_length / 2;
    float *samples = arena_allocate(arena, (size_t)(pad_left + length) * sizeof *samples);
    memset(samples, 0, (size_t)pad_left * sizeof *samples);
    *first = pad_left + (p->padding_left ? length - own : 0);
    *end = *first + own;
    for (int64_t i = pad_left; i < pad_left + length; i++)
        samples[i] = i >= *first && i < *end ? waveform.samples[i - *first] : p->padding_value;
    for (int64_t i = pad_left; p->input_scale_factor != 1 && i < pad_left + length; i++)
        samples[i] *= (float)p->input_scale_factor;
    return samples;
}

void gemma4_audio_extract(const Gemma4AudioFeatureExtractor *p, Waveform waveform, int64_t longest,
                          float *input_features, unsigned char *input_features_mask)
{
    Arena arena = { 0 };
    int64_t first, end, frames = gemma4_audio_frames(p, longest);
    float *samples = pad(p, waveform, longest, &first, &end, &arena);
    double *frame = arena_allocate(&arena, (size_t)p->fft_length * sizeof *frame),
           *work = arena_allocate(&arena, (size_t)p->fft_length * sizeof *work);
    float *magnitude_spec = arena_allocate(&arena, (size_t)(p->fft_length / 2 + 1) * sizeof *magnitude_spec);
    for (int64_t f = 0; f < frames; f++, input_features += p->feature_size) {
        int64_t last = f * p->hop_length + p->frame_length;
        window_frame(p, samples + f * p->hop_length, frame);
        rfft_run(&p->fft, frame, work);
        magnitudes(frame, p->fft_length, magnitude_spec);
        log_mel(p, magnitude_spec, input_features);
        input_features_mask[f] = last >= first && last < end;
        if (!input_features_mask[f]) /* A product, as in HF: what was negative becomes -0. */
            for (int m = 0; m < p->feature_size; m++) input_features[m] *= 0;
    }
    arena_free(&arena);
}

int gemma4_audio_soft_tokens(const unsigned char *input_features_mask, int64_t frames)
{
    int count = 0;
    for (int64_t f = 0; f < frames; f += 4) count += input_features_mask[f];
    return count;
}
