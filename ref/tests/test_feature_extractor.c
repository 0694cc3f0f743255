/* test_feature_extractor.c - frames, masks, soft tokens and settings of the log-mel spectrum */
#include "audio/feature_extractor.h"

#include <math.h>

#include "pictures.h"

static Gemma4AudioFeatureExtractor load(void)
{
    Error error = { "" };
    Gemma4AudioFeatureExtractor p;
    gemma4_audio_load(&p, temporary_folder(), &scratch, &error);
    assert_clean(&error);
    return p;
}

/* Gemma4Processor counts these for one clip of that many samples, alone. */
static const struct {
    int64_t samples, frames;
    int valid, soft_tokens;
} counts[] = { { 1, 0, 0, 0 },
               { 128, 0, 0, 0 },
               { 129, 1, 0, 0 },
               { 160, 1, 0, 0 },
               { 161, 1, 1, 1 },
               { 320, 2, 1, 1 },
               { 321, 2, 2, 1 },
               { 801, 5, 5, 2 },
               { 8000, 50, 49, 13 },
               { 480000, 2999, 2999, 750 },
               { 480001, 2999, 2999, 750 } };

START_TEST(count)
{
    Gemma4AudioFeatureExtractor p = load();
    int64_t samples = counts[_i].samples, frames = gemma4_audio_frames(&p, samples);
    ck_assert_int_eq(frames, counts[_i].frames);
    float *silence = arena_allocate(&scratch, (size_t)samples * sizeof *silence),
          *features = arena_allocate(&scratch, (size_t)frames * 128 * sizeof *features);
    unsigned char *mask = arena_allocate(&scratch, (size_t)frames);
    memset(silence, 0, (size_t)samples * sizeof *silence);
    gemma4_audio_extract(&p, (Waveform){ silence, samples }, samples, features, mask);
    int valid = 0;
    for (int64_t f = 0; f < frames; f++) {
        valid += mask[f];
        ck_assert_float_eq(features[128 * f], mask[f] ? (float)log(1e-3) : 0);
    }
    ck_assert_int_eq(valid, counts[_i].valid);
    ck_assert_int_eq(gemma4_audio_soft_tokens(mask, frames), counts[_i].soft_tokens);
}
END_TEST

/* An FFT of every small power of two against its definition */
START_TEST(fft)
{
    int length = 1 << _i;
    RealFft plan = rfft_plan(length, &scratch);
    double x[1024], work[1024], wave[1024];
    for (int i = 0; i < length; i++) x[i] = wave[i] = sin(i * i + 1.0);
    rfft_run(&plan, x, work);
    for (int j = 0; 2 * j <= length; j++) {
        double re = 0, im = 0;
        for (int i = 0; i < length; i++) {
            re += wave[i] * cos(2 * M_PI * (int64_t)i * j / length);
            im -= wave[i] * sin(2 * M_PI * (int64_t)i * j / length);
        }
        ck_assert_double_eq_tol(x[j ? 2 * j - 1 : 0], re, 1e-9);
        if (j && 2 * j < length) ck_assert_double_eq_tol(x[2 * j], im, 1e-9);
    }
}
END_TEST

START_TEST(lengths)
{
    write_text(temporary("preprocessor_config.json"),
               "{\"frame_length\": 7, \"frame_length_ms\": 25.0, \"hop_length_ms\": 7.0, \"fft_overdrive\": true}");
    Gemma4AudioFeatureExtractor p = load();
    ck_assert_int_eq(p.frame_length, 400);
    ck_assert_int_eq(p.hop_length, 112);
    ck_assert_int_eq(p.fft_length, 1024);
}
END_TEST

static const struct {
    const char *settings, *says;
} refused[] = {
    { "\"feature_extractor_type\": \"Other\"", "feature_extractor_type: found Other, expected Gemma4Audio" },
    { "\"dither\": 0.1", "dither: found noise, expected 0" },
    { "\"feature_size\": 1", "feature_size: found 1, expected more" },
    { "\"hop_length_ms\": 0", "hop_length_ms: found another length, expected from 1" },
    { "\"mel_floor\": 0", "mel_floor: found 0 or less, expected more" },
    { "\"min_frequency\": 9000", "min_frequency: found another, expected from 0 to max_frequency" },
    { "\"padding_side\": \"both\"", "padding_side: found both, expected left or right" },
    { "\"padding_value\": null", "padding_value: found null, expected a number" },
    { "\"per_bin_mean\": [1]", "per_bin_mean: found something else, expected a list of feature_size numbers" },
};

START_TEST(refused_setting)
{
    Error error = { "" };
    Gemma4AudioFeatureExtractor p;
    const char *file = temporary("processor_config.json");
    write_text(file, arena_format(&scratch, "{\"feature_extractor\": {%s}}", refused[_i].settings));
    gemma4_audio_load(&p, temporary_folder(), &scratch, &error);
    assert_refused(&error, file, arena_format(&scratch, ": feature_extractor.%s", refused[_i].says));
}
END_TEST

Suite *feature_extractor_suite(void)
{
    Suite *suite = suite_create("feature_extractor");
    TCase *tcase = theme(suite, "frames");
    tcase_add_loop_test(tcase, count, 0, COUNT(counts));
    tcase_add_loop_test(tcase, fft, 0, 11);
    tcase = theme(suite, "settings");
    tcase_add_test(tcase, lengths);
    tcase_add_loop_test(tcase, refused_setting, 0, COUNT(refused));
    return suite;
}
