/* sound_bugs.c - sounds on their way into the audio tower: log-mel features and their mask
 *
 * Right: samples from -1 to 1, half a frame of zeros in front; windows of 321 samples, of which 320 count, under a
 * periodic Hann window; an FFT of 512, magnitudes, triangles on HTK's scale of mel, ln(mel + 0.001). A frame counts if
 * its 321st sample is one of the clip, and frames that do not are 0.
 */
#include <math.h>

#include "bugs/hooks/bug_hooks.h"

enum { FULL_SCALE = 32768 };

static void int16_unscaled(Extraction *how) { how->sample_scale *= FULL_SCALE; }
static void no_left_pad(Extraction *how) { how->pad_left = 0; }
static void hann_half_sample(Extraction *how) { how->window = WINDOW_HALF_SAMPLE; }
static void hann_symmetric(Extraction *how) { how->window = WINDOW_SYMMETRIC; }
static void fft_1024(Extraction *how) { how->settings.fft_length *= 2; }
static void unfold_320(Extraction *how) { how->tail = 0; }
static void power(Extraction *how) { how->power = true; }
static void slaney_scale(Extraction *how) { how->slaney_scale = true; }
static void slaney_norm(Extraction *how) { how->slaney_norm = true; }
static void log_hard_floor(Extraction *how) { how->log_rule = LOG_OF_LARGER; }
static void log10_taken(Extraction *how) { how->log_rule = LOG10_OF_SUM; }
static void mask_strided(Extraction *how) { how->mask_strided = true; }
static void padding_kept(Extraction *how) { how->padding_kept = true; }

static void preemphasis(Extraction *how)
{
    how->settings.preemphasis = 0.97;
    how->settings.preemphasis_htk_flavor = true;
}

/* Gemma3nAudioFeatureExtractor's defaults and rules, where they are others */
static void gemma3n(Extraction *how)
{
    preemphasis(how);
    how->settings.frame_length = how->settings.sampling_rate * 32 / 1000;
    how->settings.fft_length = 2;
    while (how->settings.fft_length < 2 * how->settings.frame_length) how->settings.fft_length *= 2;
    how->settings.min_frequency = 125;
    how->settings.max_frequency = 7600;
    how->settings.mel_floor = 1e-5;
    how->pad_left = 0;
    how->log_rule = LOG_OF_LARGER;
    how->mask_strided = how->padding_kept = true;
}

/* ---------------------------------------------------------------- as the tower sees two of them */

static const double mel_floor = 1e-3;

/* Changes each value of the frames that are no padding. */
static void change_features(BugRun *run, Inputs *inputs, double (*change)(double log_mel))
{
    const Array *features = inputs->input_features, *mask = inputs->input_features_mask;
    const json_t *audio = json_object_get(bug_config(run), "audio_config");
    if (!features || !mask || !json_object_get(audio, "attention_chunk_size")) return;
    int64_t count = array_elements(features), width = features->shape[2];
    float *values = bug_memory(run, (size_t)count * sizeof *values);
    array_read_f32(features, 0, count, values);
    for (int64_t i = 0; i < count; i++)
        if (array_integer(mask, i / width)) values[i] = (float)change(values[i]);
    Array *own = bug_memory(run, sizeof *own);
    *own = *features;
    own->dtype = DTYPE_F32;
    own->data = (const unsigned char *)values;
    inputs->input_features = own;
}

static double mel_of(double log_mel) { return fmax(exp(log_mel) - mel_floor, 0); }
static double of_int16(double log_mel) { return log(FULL_SCALE * mel_of(log_mel) + mel_floor); }
static double floored(double log_mel) { return log(fmax(mel_of(log_mel), mel_floor)); }
static void int16_in_tower(BugRun *run, Inputs *inputs) { change_features(run, inputs, of_int16); }
static void hard_floor_in_tower(BugRun *run, Inputs *inputs) { change_features(run, inputs, floored); }

/* ---------------------------------------------------------------- the list */

#define ENTRY(ID, MECHANISM, EXPOSED_BY) \
    .id = ID, .stage = "audio features", .mechanism = MECHANISM, .exposed_by = EXPOSED_BY
#define REPORTED(URL) .source = URL, .sources = 1
#define TRAP(WHY) .source = "no known report; " WHY
#define MLX_VLM "https://github.com/Blaizzy/mlx-vlm/pull/931"
#define MLXCEL "https://github.com/lablup/mlxcel/pull/796"
#define ANY "a WAV file of any sound"

const Bug sound_bugs[] = {
    { ENTRY("audio-int16-unscaled", "samples are whole numbers of 16 bits, not divided by 2^15", "any sound"),
      TRAP("what a WAV file holds before it is divided by 2^15"), .extraction = int16_unscaled,
      .inputs = int16_in_tower },
    { ENTRY("mel-no-left-pad", "no half a frame of zeros in front, so that frames come 10 ms later", ANY),
      REPORTED(MLX_VLM), .extraction = no_left_pad },
    { ENTRY("mel-preemphasis", "each sample less 0.97 of the one before it", ANY),
      TRAP("Gemma 3n's extractor does so by default"), .extraction = preemphasis },
    { ENTRY("mel-hann-half-sample", "the window is taken between the samples, not at them", ANY), REPORTED(MLX_VLM),
      .extraction = hann_half_sample },
    { ENTRY("mel-hann-symmetric", "the window is symmetric, not periodic", ANY),
      TRAP("numpy.hanning(320) and scipy's default are symmetric"), .extraction = hann_symmetric },
    { ENTRY("mel-fft-1024", "an FFT of twice the length", ANY), .source = MLX_VLM, .sources = 2,
      .extraction = fft_1024 },
    { ENTRY("mel-unfold-320", "windows of 320 samples, not 321: at some lengths one more frame counts",
            "a WAV file whose length decides it"),
      REPORTED(MLXCEL), .extraction = unfold_320 },
    { ENTRY("mel-power", "squares of magnitudes, not magnitudes", ANY),
      TRAP("most mel front ends take the power spectrum"), .extraction = power },
    { ENTRY("mel-slaney-scale", "filters are spread by Slaney's scale of mel, not HTK's", ANY),
      TRAP("librosa's default, and Whisper's"), .extraction = slaney_scale },
    { ENTRY("mel-slaney-norm", "each filter has an area of 1, not a height of 1", ANY),
      TRAP("librosa's default, and Whisper's"), .extraction = slaney_norm },
    { ENTRY("mel-log-hard-floor", "the logarithm is of max(mel, 0.001), not of mel + 0.001", "any sound"),
      .source = MLX_VLM, .sources = 2, .extraction = log_hard_floor, .inputs = hard_floor_in_tower },
    { ENTRY("mel-log10", "the logarithm is decimal, not natural", ANY), TRAP("Whisper's is decimal"),
      .extraction = log10_taken },
    { ENTRY("mel-gemma3n-extractor", "the extractor of Gemma 3n: frames of 32 ms, preemphasis, another floor", ANY),
      TRAP("the class before it has the same name but for the family"), .extraction = gemma3n },
    { ENTRY("mel-mask-strided", "a frame counts if the clip has a sample 160 times its number", "a WAV file"),
      REPORTED(MLX_VLM), .extraction = mask_strided },
    { ENTRY("mel-padding-nonzero", "frames of padding are the logarithm of 0.001, not 0", "clips of different length"),
      REPORTED(MLX_VLM), .extraction = padding_kept },
    { 0 },
};
