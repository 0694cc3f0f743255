/* test_readings.c - dumps that follow another reading pass, and say which; bugs are not taken for one */
#include "readings/reading.h"

#include "backends.h"
#include "bugs/audio_reading.h"
#include "dump/tap_name.h"

#define TOKENS "\"input_ids\": [[3, 4, 5, 6, 7, 8, 9], [0, 0, 0, 4, 5, 6, 7]], "
#define PADDED TOKENS "\"attention_mask\": [[1, 1, 1, 1, 1, 1, 1], [0, 0, 0, 1, 1, 1, 1]]"
#define COUNTED ", \"position_ids\": [[0, 1, 2, 3, 4, 5, 6], [0, 0, 0, 0, 1, 2, 3]]"
#define SHIFTED ", \"position_ids\": [[1, 2, 3, 4, 5, 6, 7], [0, 0, 0, 1, 2, 3, 4]]"

/* A dump that was made with other inputs than it is graded with */
static Grade *graded_against(const char *dumped, const char *given, const char *class)
{
    Text text = text_of("{}", dumped);
    const char *dump = backend_dump(text, &(Backend){ .class = class });
    write_arrays(text.inputs, given);
    return graded_text(text, dump, class, NULL);
}

START_TEST(positions_of_each_row)
{
    Grade *grade = graded_against("{" PADDED COUNTED "}", "{" PADDED "}", "bf16");
    assert_passes(grade, "counted positions");
    ck_assert_uint_eq(grade->readings, READING_COUNTED_POSITIONS);
    grade_free(grade);
}
END_TEST

START_TEST(nothing_to_read_otherwise)
{
    Grade *grade = graded_against("{" PADDED "}", "{" PADDED "}", "bf16");
    assert_passes(grade, "Hugging Face's own");
    ck_assert_uint_eq(grade->readings, 0);
    grade_free(grade);
}
END_TEST

/* Positions that are one too many are no reading, though attention cannot tell: query and key states differ. */
START_TEST(shifted_positions_are_bent)
{
    Grade *grade = graded_against("{" PADDED SHIFTED "}", "{" PADDED "}", "fp32");
    ck_assert_int_ge(grade->first_bent, 0);
    grade_free(grade);
}
END_TEST

enum { OLD_KEYS = 4 };

/* Sliding layers' arrays in decode steps, as a port has them that keeps all keys: the older ones stand before those of
 * the window. *context: what the older ones weigh. */
static void keep_old_keys(Value *value, const void *context)
{
    bool is_mask = tap_ends(value->name, "#causal_mask_mapping.sliding_attention");
    bool of_layer = strstr(value->name, "layers.0.") || strstr(value->name, "layers.2.");
    bool is_weight = of_layer && tap_ends(value->name, "#attn_weights");
    bool is_key = of_layer && (tap_ends(value->name, "#key_states") || tap_ends(value->name, "#value_states"));
    if (tap_step(value->name) == 0 || !(is_mask || is_weight || is_key)) return;

    float weight = *(const float *)context;
    int axis = is_key ? value->rank - 2 : value->rank - 1;
    int64_t inner = is_key ? value->shape[value->rank - 1] : 1, outer = 1, keys = value->shape[axis];
    for (int d = 0; d < axis; d++) outer *= value->shape[d];
    float *wide = arena_allocate(&scratch, (size_t)(outer * (keys + OLD_KEYS) * inner) * sizeof *wide);
    for (int64_t o = 0; o < outer; o++) {
        float *row = wide + o * (keys + OLD_KEYS) * inner;
        for (int64_t i = 0; i < OLD_KEYS * inner; i++) row[i] = is_key ? 9 : is_weight ? weight : 0;
        memcpy(row + OLD_KEYS * inner, value->values + o * keys * inner, (size_t)(keys * inner) * sizeof *wide);
    }
    value->values = wide;
    value->shape[axis] = keys + OLD_KEYS;
}

static Grade *graded_with_old_keys(float weight)
{
    Text text = text_of("{}", two_rows);
    const char *dump = backend_dump(text, &(Backend){ .class = "bf16", .max_new_tokens = 3 });
    return graded_text(text, edited_dump(dump, keep_old_keys, &weight), "bf16", NULL);
}

START_TEST(caches_are_kept_whole)
{
    Grade *grade = graded_with_old_keys(0);
    assert_passes(grade, "whole caches");
    ck_assert_uint_eq(grade->readings, READING_WHOLE_CACHES);
    ck_assert_int_eq(grade->misfit_count, 0);
    ck_assert_ptr_nonnull(step_of(grade, "model.layers.0.self_attn#key_states@1"));
    grade_free(grade);
}
END_TEST

/* Keys that are older than the window and weigh something are no reading: those arrays are not cut. */
START_TEST(old_keys_that_count)
{
    Grade *grade = graded_with_old_keys(0.125f);
    ck_assert_int_gt(grade->misfit_count, 0);
    ck_assert_ptr_null(step_of(grade, "model.layers.0.self_attn#attn_weights@1"));
    grade_free(grade);
}
END_TEST

static void write_tap(void *writer, const Tap *tap)
{
    if (tap->first == 0) safetensors_writer_begin(writer, tap->name, DTYPE_F32, tap->rank, tap->shape);
    safetensors_writer_append(writer, tap->values, (size_t)tap->count * sizeof(float));
}

/* A picture that is nearly grey, where casting first costs most, and the dump of a backend that made them some first */
static Grade *graded_picture(const char *class, bool cast, float factor)
{
    Error error = { "" };
    Inputs inputs = inputs_open(E2B "/inputs.safetensors", &error);
    Model *model = model_open(E2B "/model", &error);
    assert_clean(&error);
    int64_t count = array_elements(inputs.pixel_values);
    float *pixels = arena_allocate(&scratch, (size_t)count * sizeof *pixels);
    Array edited = *inputs.pixel_values;
    array_read_f32(inputs.pixel_values, 0, count, pixels);
    for (int64_t i = 0; i < count; i++) pixels[i] = pixels[i] * 0.05f + 0.475f;
    edited.dtype = DTYPE_F32;
    edited.data = (const unsigned char *)pixels;
    inputs.pixel_values = &edited;

    Trial trial = { .model = model, .class = class_find(class), .inputs = &inputs };
    Inputs given = inputs;
    if (cast) cast_pixels.follow(&trial, &given, &scratch);
    float *scaled = arena_allocate(&scratch, (size_t)count * sizeof *scaled);
    array_read_f32(given.pixel_values, 0, count, scaled);
    for (int64_t i = 0; i < count; i++) scaled[i] *= factor;
    Array found = edited;
    found.data = (const unsigned char *)scaled;
    given.pixel_values = &found;

    const char *path = temporary("picture.safetensors");
    SafetensorsWriter *writer = safetensors_writer_open(path, &error);
    reference_f32.forward(model, &given,
                          &(Pass){ .results = trial.class->results,
                                   .weights = trial.class->weights,
                                   .hook = write_tap,
                                   .hook_context = writer });
    safetensors_writer_close(writer, &error);
    Dump *dump = dump_open(path, &error);
    assert_clean(&error);
    trial.dump = dump;
    Grade *grade = readings_grade(&trial, &error);
    assert_clean(&error);
    dump_close(dump);
    model_close(model);
    inputs_close(&inputs);
    return grade;
}

START_TEST(pictures_cast_first)
{
    Grade *grade = graded_picture("bf16", true, 1);
    assert_passes(grade, "cast pixels");
    ck_assert_uint_eq(grade->readings, READING_CAST_PIXELS);
    grade_free(grade);
}
END_TEST

START_TEST(pictures_cast_last)
{
    Grade *grade = graded_picture("bf16", false, 1);
    assert_passes(grade, "Hugging Face's own");
    ck_assert_uint_eq(grade->readings, 0);
    grade_free(grade);
}
END_TEST

START_TEST(other_pictures_are_bent)
{
    Grade *grade = graded_picture("bf16", false, 0.98f);
    ck_assert_int_ge(grade->first_bent, 0);
    ck_assert_uint_eq(grade->readings, 0);
    grade_free(grade);
}
END_TEST

/* ---------------------------------------------------------------- sound */

#define HEARD "fixtures/e2b-audio"

/* Outputs of layers and towers, and whatever else is known of the mask */
static void write_heard(void *writer, const Tap *tap)
{
    bool is_mask = strcmp(tap->name, "model.audio_tower#attention_mask") == 0;
    if (strchr(tap->name, '#') ? is_mask : strstr(tap->name, "audio_tower.layers.") || strstr(tap->name, "embed_audio"))
        write_tap(writer, tap);
}

/* A dump of the model that hears by another rule, or by the right one */
static Grade *graded_sound(const Bug *rule, const char *class)
{
    Error error = { "" };
    Model *model = model_open(HEARD "/model", &error);
    Inputs inputs = inputs_open(HEARD "/inputs.safetensors", &error);
    const char *path = temporary("heard.safetensors");
    SafetensorsWriter *writer = safetensors_writer_open(path, &error);
    assert_clean(&error);
    Trial trial = { .model = model, .class = class_find(class), .inputs = &inputs };
    BuggyModel *around = buggy_model_around(model, NULL, 0);
    buggy_model_set_mask_reading(around, rule);
    buggy_model_forward(around, &reference_f32, &inputs,
                        &(Pass){ .results = trial.class->results,
                                 .weights = trial.class->weights,
                                 .hook = write_heard,
                                 .hook_context = writer });
    buggy_model_close(around);
    safetensors_writer_close(writer, &error);
    Dump *dump = dump_open(path, &error);
    assert_clean(&error);
    trial.dump = dump;
    Grade *grade = readings_grade(&trial, &error);
    assert_clean(&error);
    dump_close(dump);
    model_close(model);
    inputs_close(&inputs);
    return grade;
}

static const char *const heard_as[] = { "fp32", "bf16" };

START_TEST(sound_masked_as_before)
{
    Grade *grade = graded_sound(&audio_mask_before_5_20, heard_as[_i]);
    assert_passes(grade, "masked as before 5.20");
    ck_assert_uint_eq(grade->readings, READING_AUDIO_MASK);
    grade_free(grade);
}
END_TEST

START_TEST(sound_masked_rightly)
{
    Grade *grade = graded_sound(NULL, heard_as[_i]);
    assert_passes(grade, "Hugging Face's own");
    ck_assert_uint_eq(grade->readings, 0);
    grade_free(grade);
}
END_TEST

/* The bug hears what lies before the first frame and behind the last one too, which Hugging Face never did. */
START_TEST(an_inverted_mask_is_bent)
{
    Grade *grade = graded_sound(bug_find("audio-mask-inverted"), heard_as[_i]);
    ck_assert_int_ge(grade->first_bent, 0);
    ck_assert_uint_eq(grade->readings, 0);
    grade_free(grade);
}
END_TEST

Suite *readings_suite(void)
{
    Suite *suite = suite_create("readings");
    TCase *positions = theme(suite, "positions"), *pixels = theme(suite, "pixels"), *sound = theme(suite, "sound");
    tcase_add_test(positions, positions_of_each_row);
    tcase_add_test(positions, nothing_to_read_otherwise);
    tcase_add_test(positions, shifted_positions_are_bent);
    tcase_add_test(pixels, pictures_cast_first);
    tcase_add_test(pixels, pictures_cast_last);
    tcase_add_test(pixels, other_pictures_are_bent);
    tcase_add_loop_test(sound, sound_masked_as_before, 0, COUNT(heard_as));
    tcase_add_loop_test(sound, sound_masked_rightly, 0, COUNT(heard_as));
    tcase_add_loop_test(sound, an_inverted_mask_is_bent, 0, COUNT(heard_as));
    TCase *caches = theme(suite, "caches");
    tcase_add_test(caches, caches_are_kept_whole);
    tcase_add_test(caches, old_keys_that_count);
    return suite;
}
