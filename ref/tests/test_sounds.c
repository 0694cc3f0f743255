/* test_sounds.c - WAV files to the features of a batch */
#include "audio/sounds.h"

#include "pictures.h"
#include "wavs.h"

static SoundReport reports[16];

static int list_files(const json_t *row)
{
    size_t i;
    const json_t *name;
    json_array_foreach(json_object_get(row, "files"), i, name)
        reports[i] = (SoundReport){ .path = arena_format(&scratch, SOUNDS "/%s", json_string_value(name)) };
    return (int)i;
}

static void write_sounds(const Gemma4UnifiedAudioFeatureExtractor *p, int count, Error *error)
{
    SafetensorsWriter *writer = safetensors_writer_open(temporary("inputs"), error);
    sounds_write(writer, (AudioFeatureExtractor){ .unified = p }, reports, count, &scratch, error);
    if (error_is_set(error))
        safetensors_writer_abandon(writer);
    else
        safetensors_writer_close(writer, error);
}

static void assert_crc(const Array *array, const json_t *expected)
{
    size_t size = (size_t)array_elements(array) * dtype_size(array->dtype);
    ck_assert_msg(crc_of(array->data, size) == json_integer_value(expected), "%s differs", array->name);
}

/* Batches of clips, padded and cut, against Hugging Face: fixtures/audio/expected.json */
START_TEST(as_hugging_face)
{
    Error error = { "" };
    const json_t *row = json_array_get(json_object_get(expected_sounds(), "features"), (size_t)_i),
                 *shape = json_object_get(row, "shape"), *tokens = json_object_get(row, "soft_tokens");
    Gemma4UnifiedAudioFeatureExtractor p;
    char *settings = json_dumps(json_object_get(row, "settings"), 0);
    write_text(temporary("preprocessor_config.json"), settings);
    free(settings);
    gemma4_unified_audio_load(&p, temporary_folder(), (int)json_integer_value(json_object_get(row, "max_length")),
                              &error);
    int count = list_files(row);
    write_sounds(&p, count, &error);
    Safetensors *file = safetensors_open(temporary("inputs"), &error);
    assert_clean(&error);
    const Array *features = safetensors_find(file, "input_features"),
                *mask = safetensors_find(file, "input_features_mask");
    int64_t expected[3];
    for (size_t i = 0; i < 3; i++) expected[i] = json_integer_value(json_array_get(shape, i));
    ck_assert(array_has_shape(features, 3, expected) && features->dtype == DTYPE_F32);
    ck_assert(array_has_shape(mask, 2, expected) && mask->dtype == DTYPE_BOOL);
    assert_crc(features, json_object_get(row, "input_features"));
    assert_crc(mask, json_object_get(row, "input_features_mask"));
    for (int i = 0; i < count; i++)
        ck_assert_int_eq(reports[i].soft_tokens, json_integer_value(json_array_get(tokens, (size_t)i)));
    safetensors_close(file);
}
END_TEST

START_TEST(reported)
{
    Error error = { "" };
    Gemma4UnifiedAudioFeatureExtractor p;
    gemma4_unified_audio_load(&p, temporary_folder(), 0, &error);
    reports[0] = (SoundReport){ .path = PLUCK };
    write_sounds(&p, 1, &error);
    assert_clean(&error);
    ck_assert_int_eq(reports[0].samples, 8000);
    ck_assert_int_eq(reports[0].soft_tokens, 13);
}
END_TEST

START_TEST(second_is_bad)
{
    Error error = { "" };
    Gemma4UnifiedAudioFeatureExtractor p;
    gemma4_unified_audio_load(&p, temporary_folder(), 0, &error);
    reports[0] = (SoundReport){ .path = PLUCK };
    reports[1] = (SoundReport){ .path = temporary("absent.wav") };
    write_sounds(&p, 2, &error);
    assert_refused(&error, temporary("absent.wav"), ": found no readable file");
    ck_assert_int_eq(files_in(temporary_folder()), 0);
}
END_TEST

Suite *sounds_suite(void)
{
    Suite *suite = suite_create("sounds");
    TCase *tcase = theme(suite, "batches");
    tcase_add_loop_test(tcase, as_hugging_face, 0, 5);
    tcase_add_test(tcase, reported);
    tcase_add_test(tcase, second_is_bad);
    return suite;
}
