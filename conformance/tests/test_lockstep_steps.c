/* test_lockstep_steps.c - decode steps, read off a dump */
#include "backends.h"
#include "report/report_grade.h"
#include "dump/tap_name.h"

static void drop_steps_from_two(Value *value, const void *context)
{
    (void)context;
    value->dropped = tap_run(value->name) >= 2;
}

/* Steps are read off the names; the last new token is nobody's input, so a dump without it lacks nothing. */
START_TEST(steps_are_read_off)
{
    Text text = text_of("{}", two_rows);
    const char *dump = backend_dump(text, &(Backend){ .class = "bf16", .max_new_tokens = 3 });
    Grade *grade = graded_text(text, dump, "bf16", NULL);
    ck_assert_ptr_nonnull(step_of(grade, "input_ids@3"));
    ck_assert_ptr_nonnull(step_of(grade, "logits@2"));
    grade_free(grade);

    grade = graded_text(text, edited_dump(dump, drop_steps_from_two, NULL), "bf16", NULL);
    assert_passes(grade, "one step");
    ck_assert_int_eq(grade->not_graded_count + grade->unknown_count, 0);
    ck_assert_ptr_null(step_of(grade, "logits@2"));
    grade_free(grade);
}
END_TEST

/* Another text than the reference would write. */
static void feed_five(Value *value, const void *context)
{
    (void)context;
    if (tap_is_token(value->name)) value->values[0] = value->values[1] = 5;
}

/* The tokens that steps were fed are followed though nobody wants them graded. */
START_TEST(tokens_are_followed)
{
    Text text = text_of("{}", two_rows);
    const char *dump = backend_dump(text, &(Backend){ .class = "bf16", .max_new_tokens = 4, .edit = feed_five });
    Grade *grade = graded_text(text, dump, "bf16", (const char *const[]){ "model.layers.*", NULL });
    assert_passes(grade, dump);
    ck_assert(is_listed(grade->not_graded, grade->not_graded_count, "input_ids@2"));
    grade_free(grade);
}
END_TEST

START_TEST(inherited_and_total_of_steps)
{
    Error error = { "" };
    Text text = text_of("{" MOE "}", two_rows);
    const char *dump = backend_dump(text, &(Backend){ .class = "bf16", .max_new_tokens = 4 });
    Grade *grade = grade_text(text, dump, "bf16", &(GradeOptions){ .with_total = true, .ignore_eos = true }, &error);
    assert_clean(&error);
    for (int n = 0; n < grade->step_count; n++) {
        const Step *step = &grade->steps[n];
        if (tap_is_choice(step->tap))
            ck_assert_double_nan(step->total);
        else
            ck_assert_msg(step->total <= 1.01 * (step->introduced + step->inherited) + 1e-12, "%s: %g > %g + %g",
                          step->tap, step->total, step->introduced, step->inherited);
    }
    ck_assert_double_gt(step_of(grade, "logits@3")->inherited, 0);
    ck_assert_double_lt(step_of(grade, "logits@3")->total, 0.2);
    grade_free(grade);
}
END_TEST

/* Tokens that were fed are no error: inherited and total are of the same text. */
START_TEST(total_of_another_text)
{
    Error error = { "" };
    Text text = text_of("{}", two_rows);
    const char *dump = backend_dump(text, &(Backend){ .class = "bf16", .max_new_tokens = 4, .edit = feed_five });
    Grade *grade = grade_text(text, dump, "bf16", &(GradeOptions){ .with_total = true, .ignore_eos = true }, &error);
    assert_clean(&error);
    ck_assert_double_gt(step_of(grade, "logits@3")->total, 0);
    ck_assert_double_lt(step_of(grade, "logits@3")->total, 0.2);
    grade_free(grade);
}
END_TEST

static void end_with(Text text, const char *token)
{
    const char *config = arena_format(&scratch, "%s/config.json", text.model);
    write_edited_json(config, config, "eos_token_id", token);
}

/* Each row meets one at its first token. */
START_TEST(end_of_sequence)
{
    Error error = { "" };
    Text text = text_of("{}", two_rows);
    const char *dump = backend_dump(text, &(Backend){ .class = "bf16", .max_new_tokens = 4 });
    end_with(text, "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22]");
    Grade *grade = graded_text(text, dump, "bf16", NULL);
    assert_passes(grade, "it is told to go on");
    grade_free(grade);
    ck_assert_ptr_null(grade_text(text, dump, "bf16", &(GradeOptions){ 0 }, &error));
    assert_refused(&error, dump,
                   ": found taps of decode step 3, expected none after step 0, where every row has met an "
                   "end-of-sequence token (see --ignore-eos)");
}
END_TEST

START_TEST(longer_than_the_model_allows)
{
    Error error = { "" };
    Text text = text_of("{\"max_position_embeddings\": 10}", two_rows);
    const char *dump = backend_dump(text, &(Backend){ .class = "bf16", .max_new_tokens = 5 });
    ck_assert_ptr_null(grade_text(text, dump, "bf16", &(GradeOptions){ .ignore_eos = true }, &error));
    assert_refused(&error, NULL, "found 7 tokens and 5 new ones, expected at most 10 in all");
}
END_TEST

/* Masks as bytes of 0 and 255, right ones, and with the first of them told otherwise */
START_TEST(masks_as_bytes)
{
    static const char *const names[] = { "model.audio_tower.subsample_conv_projection#mask",
                                         "model.audio_tower#attention_mask" };
    Error error = { "" };
    Safetensors *file = safetensors_open("fixtures/e2b-audio/expected.safetensors", &error);
    SafetensorsWriter *writer = safetensors_writer_open(temporary("bytes.safetensors"), &error);
    assert_clean(&error);
    for (int n = 0; n < COUNT(names); n++) {
        Array mask = *safetensors_find(file, names[n]);
        unsigned char *bytes = arena_allocate(&scratch, (size_t)array_elements(&mask));
        for (int64_t i = 0; i < array_elements(&mask); i++) bytes[i] = array_integer(&mask, i) ? 255 : 0;
        if (_i == n) bytes[0] = (unsigned char)(255 - bytes[0]);
        safetensors_writer_begin(writer, names[n], DTYPE_U8, mask.rank, mask.shape);
        safetensors_writer_append(writer, bytes, (size_t)array_elements(&mask));
    }
    safetensors_writer_close(writer, &error);
    assert_clean(&error);
    safetensors_close(file);
    Grade *grade = graded("fixtures/e2b-audio", temporary("bytes.safetensors"), "fp32", NULL);
    ck_assert_int_eq(grade->step_count, 2);
    ck_assert_int_eq(grade->first_bent, _i < 2 ? _i : -1);
    grade_free(grade);
}
END_TEST

Suite *lockstep_steps_suite(void)
{
    Suite *suite = suite_create("lockstep_steps");
    TCase *tcase = theme(suite, "decode steps");
    tcase_add_test(tcase, steps_are_read_off);
    tcase_add_loop_test(tcase, masks_as_bytes, 0, 3);
    tcase_add_test(tcase, tokens_are_followed);
    tcase_add_test(tcase, inherited_and_total_of_steps);
    tcase_add_test(tcase, total_of_another_text);
    tcase_add_test(tcase, end_of_sequence);
    tcase_add_test(tcase, longer_than_the_model_allows);
    return suite;
}
