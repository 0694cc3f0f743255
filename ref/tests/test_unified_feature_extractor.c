/* test_unified_feature_extractor.c - frames, padding, and the settings of both */
#include "audio/unified_feature_extractor.h"

#include "pictures.h"
#include "wavs.h"

static const Gemma4UnifiedAudioFeatureExtractor small = { .audio_samples_per_token = 3, .padding_value = 9 };

static Gemma4UnifiedAudioFeatureExtractor load(void)
{
    Error error = { "" };
    Gemma4UnifiedAudioFeatureExtractor p;
    gemma4_unified_audio_load(&p, temporary_folder(), 0, &error);
    assert_clean(&error);
    return p;
}

static void assert_extract(Gemma4UnifiedAudioFeatureExtractor p, int64_t samples, int64_t frames, const char *features,
                           const char *mask)
{
    float waveform[] = { 1, 2, 3, 4, 5, 6, 7 }, found[12];
    unsigned char found_mask[4];
    const char *text = "", *mask_text = "";
    gemma4_unified_audio_extract(&p, (Waveform){ waveform, samples }, frames, found, found_mask);
    for (int64_t i = 0; i < 3 * frames; i++) text = arena_format(&scratch, "%s%g", text, found[i]);
    for (int64_t i = 0; i < frames; i++) mask_text = arena_format(&scratch, "%s%d", mask_text, found_mask[i]);
    ck_assert_str_eq(text, features);
    ck_assert_str_eq(mask_text, mask);
}

/* Zeros fill a frame, padding_value what is no frame of the clip. */
START_TEST(frames)
{
    Gemma4UnifiedAudioFeatureExtractor p = small;
    assert_extract(p, 7, 3, "123456700", "111");
    assert_extract(p, 6, 2, "123456", "11");
    assert_extract(p, 1, 3, "100999999", "100");
    p.padding_left = true;
    assert_extract(p, 4, 4, "999999123400", "0011");
    p.max_length = 2;
    assert_extract(p, 7, 2, "123456", "11");
    assert_extract(p, 7, 3, "999123456", "011");
}
END_TEST

static const struct {
    int64_t samples, frames;
    int most;
} counts[] = { { 1, 1, 0 },    { 639, 1, 0 },  { 640, 1, 0 }, { 641, 2, 0 }, { 1280, 2, 0 },
               { 1281, 3, 0 }, { 1281, 2, 2 }, { 1, 1, 2 },   { 0, 0, 0 },   { INT64_C(1) << 40, 1717986919, 0 } };

START_TEST(count)
{
    Gemma4UnifiedAudioFeatureExtractor p = { .audio_samples_per_token = 640, .max_length = counts[_i].most };
    ck_assert_int_eq(gemma4_unified_audio_frames(&p, counts[_i].samples), counts[_i].frames);
}
END_TEST

/* ---------------------------------------------------------------- settings */

START_TEST(defaults)
{
    Gemma4UnifiedAudioFeatureExtractor p = load();
    ck_assert_int_eq(p.sampling_rate, 16000);
    ck_assert_int_eq(p.audio_samples_per_token, 640);
    ck_assert_float_eq(p.padding_value, 0);
    ck_assert(!p.padding_left && p.max_length == 0);
}
END_TEST

/* Nested counts before the file of its own; audio_processor is its other name. */
START_TEST(which_file)
{
    write_text(temporary("preprocessor_config.json"), "{\"audio_samples_per_token\": 2}");
    ck_assert_int_eq(load().audio_samples_per_token, 2);
    write_text(temporary("processor_config.json"), "{\"image_processor\": {}}");
    ck_assert_int_eq(load().audio_samples_per_token, 2);
    write_text(temporary("processor_config.json"), "{\"audio_processor\": {\"audio_samples_per_token\": 3}}");
    ck_assert_int_eq(load().audio_samples_per_token, 3);
    write_text(temporary("processor_config.json"), "{\"audio_processor\": {\"audio_samples_per_token\": 3},"
                                                   " \"feature_extractor\": {\"audio_samples_per_token\": 4}}");
    ck_assert_int_eq(load().audio_samples_per_token, 4);
}
END_TEST

START_TEST(every_setting)
{
    write_text(temporary("preprocessor_config.json"),
               "{\"feature_extractor_type\": \"Gemma4UnifiedAudioFeatureExtractor\", \"feature_size\": 80,"
               " \"sampling_rate\": 8000, \"padding_value\": 0.3, \"audio_samples_per_token\": 400,"
               " \"padding_side\": \"left\", \"return_attention_mask\": false}");
    Gemma4UnifiedAudioFeatureExtractor p = load();
    ck_assert_int_eq(p.sampling_rate, 8000);
    ck_assert_int_eq(p.audio_samples_per_token, 400);
    ck_assert_float_eq(p.padding_value, 0.3f);
    ck_assert(p.padding_left);
}
END_TEST

static const struct {
    const char *settings, *says;
} refused[] = {
    { "\"feature_extractor_type\": \"Gemma4AudioFeatureExtractor\"",
      "feature_extractor_type: found Gemma4AudioFeatureExtractor, expected Gemma4UnifiedAudioFeatureExtractor" },
    { "\"sampling_rate\": 0", "sampling_rate: found 0, expected a whole number from 1" },
    { "\"sampling_rate\": 16000.5", "sampling_rate: found 16000.5, expected" },
    { "\"audio_samples_per_token\": null", "audio_samples_per_token: found null, expected" },
    { "\"audio_samples_per_token\": 10000000",
      "audio_samples_per_token: found 10000000, expected a whole number from 1 to" },
    { "\"padding_value\": null", "padding_value: found null, expected a number" },
    { "\"padding_side\": null", "padding_side: found null, expected a string" },
    { "\"padding_side\": \"both\"", "padding_side: found both, expected left or right" },
    { "\"feature_size\": 1", "feature_size: found 1, expected more" },
};

START_TEST(refused_setting)
{
    Error error = { "" };
    Gemma4UnifiedAudioFeatureExtractor p;
    const char *file = temporary("processor_config.json");
    write_text(file, arena_format(&scratch, "{\"feature_extractor\": {%s}}", refused[_i].settings));
    gemma4_unified_audio_load(&p, temporary_folder(), 0, &error);
    assert_refused(&error, file, arena_format(&scratch, ": feature_extractor.%s", refused[_i].says));
}
END_TEST

START_TEST(bad_file)
{
    Error error = { "" };
    Gemma4UnifiedAudioFeatureExtractor p;
    write_text(temporary("processor_config.json"), "{\"feature_extractor\": []}");
    gemma4_unified_audio_load(&p, temporary_folder(), 0, &error);
    assert_refused(&error, temporary("processor_config.json"), ": feature_extractor: found [], expected an object");
    error = (Error){ "" };
    write_text(temporary("processor_config.json"), "{");
    gemma4_unified_audio_load(&p, temporary_folder(), 0, &error);
    assert_refused(&error, temporary("processor_config.json"), ": found invalid JSON");
}
END_TEST

Suite *unified_feature_extractor_suite(void)
{
    Suite *suite = suite_create("unified_feature_extractor");
    TCase *tcase = theme(suite, "frames");
    tcase_add_test(tcase, frames);
    tcase_add_loop_test(tcase, count, 0, COUNT(counts));
    tcase = theme(suite, "settings");
    tcase_add_test(tcase, defaults);
    tcase_add_test(tcase, which_file);
    tcase_add_test(tcase, every_setting);
    tcase_add_loop_test(tcase, refused_setting, 0, COUNT(refused));
    tcase_add_test(tcase, bad_file);
    return suite;
}
