/* test_generate.c - plumb generate, and plumb run with decode steps */
#include <stdlib.h>
#include <unistd.h>

#include "command.h"

static const char *const cases[] = { TEXT,
                                     "fixtures/31b",
                                     EXPERTS,
                                     WHOLE,
                                     UNIFIED,
                                     "fixtures/12b-video-audio",
                                     "fixtures/e2b-audio",
                                     "fixtures/e4b-audio-vision" };

/* The first `count` tokens of each row of case.json's greedy, as generate prints them. The token `end` ends a row. */
static const char *expected_rows(const char *folder, size_t count, json_int_t end)
{
    json_t *json = read_json(arena_format(&scratch, "%s/case.json", folder));
    const json_t *greedy = json_object_get(json, "greedy");
    char *text = arena_allocate(&scratch, 1 << 14);
    *text = '\0';
    for (size_t row = 0; row < json_array_size(greedy); row++) {
        const json_t *tokens = json_array_get(greedy, row);
        ck_assert_uint_ge(json_array_size(tokens), count);
        for (size_t i = 0; i < count; i++) {
            json_int_t token = json_integer_value(json_array_get(tokens, i));
            sprintf(text + strlen(text), "%s%lld", i ? " " : "", (long long)token);
            if (token == end) break;
        }
        strcat(text, "\n");
    }
    json_decref(json);
    return text;
}

static json_int_t greedy_token(const char *folder, size_t row, size_t index)
{
    json_t *json = read_json(arena_format(&scratch, "%s/case.json", folder));
    const json_t *token = json_array_get(json_array_get(json_object_get(json, "greedy"), row), index);
    json_int_t value = json_integer_value(token);
    json_decref(json);
    return value;
}

START_TEST(tokens)
{
    Result result = plumb("generate", cases[_i], "--max-new-tokens", "64", "--ignore-eos");
    assert_status(result, 0);
    ck_assert_str_eq(result.out, expected_rows(cases[_i], 64, -1));
    ck_assert_str_eq(result.err, "");
}
END_TEST

START_TEST(one_token)
{
    Result result = plumb("generate", "--max-new-tokens=1", "--threads", "2", TEXT "/");
    assert_status(result, 0);
    ck_assert_str_eq(result.out, expected_rows(TEXT, 1, -1));
}
END_TEST

/* The model ends rows at the sixth token of row 0, in generation_config.json or in config.json. */
static const char *const files[] = { "generation_config.json", "config.json" };

static const char *ending_case(const char *file, json_int_t end)
{
    const char *folder = copied_case(TEXT), *path = arena_format(&scratch, "%s/model/%s", folder, file);
    const char *value = arena_format(&scratch, "[319, %lld]", (long long)end);
    if (strcmp(file, "config.json") == 0)
        write_edited_json(TEXT "/model/config.json", path, "eos_token_id", value);
    else
        write_text(path, arena_format(&scratch, "{\"eos_token_id\": %s, \"pad_token_id\": 7}", value));
    return folder;
}

START_TEST(row_stops_at_its_end)
{
    json_int_t end = greedy_token(TEXT, 0, 5);
    const char *folder = ending_case(files[_i], end);
    Result result = plumb("generate", folder, "--max-new-tokens", "12");
    assert_status(result, 0);
    ck_assert_str_eq(result.out, expected_rows(TEXT, 12, end));
    const char *six = expected_rows(TEXT, 6, -1);
    ck_assert_int_eq(strchr(result.out, '\n') - result.out, strchr(six, '\n') - six);
    result = plumb("generate", folder, "--max-new-tokens", "12", "--ignore-eos");
    ck_assert_str_eq(result.out, expected_rows(TEXT, 12, -1));
}
END_TEST

/* ---------------------------------------------------------------- logits */

/* The names of a file's arrays in one line, and that they are all [batch, 1, vocabulary] */
static const char *names_in(const char *path, int64_t batch, int64_t vocabulary)
{
    Error error = { "" };
    Safetensors *file = safetensors_open(path, &error);
    assert_clean(&error);
    char *names = arena_allocate(&scratch, 4096);
    *names = '\0';
    for (int i = 0; i < safetensors_count(file); i++) {
        const Array *array = safetensors_array(file, i);
        sprintf(names + strlen(names), "%s ", array->name);
        ck_assert(array_has_shape(array, SHAPE(batch, 1, vocabulary)));
        ck_assert_int_eq(array->dtype, DTYPE_F32);
        ck_assert(array_is_finite(array));
    }
    safetensors_close(file);
    return names;
}

START_TEST(logits_are_a_dump)
{
    const char *logits = temporary("logits.safetensors"), *again = temporary("again.safetensors");
    assert_status(plumb("generate", TEXT, "--max-new-tokens", "4", "--logits", logits), 0);
    ck_assert_str_eq(names_in(logits, 2, 320), "logits logits@1 logits@2 logits@3 ");
    assert_status(plumb("generate", TEXT, "--max-new-tokens", "4", "--logits", again, "--quiet"), 0);
    assert_status(plumb("compare", logits, again, "--limit", "0"), 0);
    Result result = plumb("compare", TEXT "/expected.safetensors", logits);
    ck_assert_int_ne(result.status, 2);
    assert_status(plumb("grade", TEXT, logits, "--as", "fp32"), 0);
}
END_TEST

/* The largest of the logits that a row chose each token from is the token that is printed. */
START_TEST(logits_explain_tokens)
{
    Error error = { "" };
    const char *path = temporary("logits.safetensors");
    Result result = plumb("generate", WHOLE, "--max-new-tokens", "5", "--ignore-eos", "--logits", path);
    assert_status(result, 0);
    Safetensors *file = safetensors_open(path, &error);
    assert_clean(&error);
    const char *next = result.out;
    for (int step = 0; step < 5; step++) {
        const Array *array = safetensors_find(file, step ? arena_format(&scratch, "logits@%d", step) : "logits");
        ck_assert_ptr_nonnull(array);
        int64_t count = array_elements(array), best = 0;
        float *values = arena_allocate(&scratch, (size_t)count * sizeof *values);
        array_read_f32(array, 0, count, values);
        for (int64_t i = 1; i < count; i++)
            if (values[i] > values[best]) best = i;
        char *end;
        ck_assert_int_eq(strtol(next, &end, 10), best);
        next = end;
    }
    safetensors_close(file);
}
END_TEST

/* ---------------------------------------------------------------- run */

START_TEST(run_with_steps)
{
    const char *taps = temporary("taps.safetensors");
    Result listed = plumb("run", WHOLE, "--max-new-tokens", "3", "--ignore-eos", "--list");
    assert_status(listed, 0);
    static const char *const there[] = { "\nmodel.language_model.layers.0 ",
                                         "\nmodel.language_model.layers.0@1 ",
                                         "\nmodel.language_model.layers.0.self_attn#key_states@2 ",
                                         "\ninput_ids@3 ",
                                         "\nlogits@2 ",
                                         "\nmodel.vision_tower " };
    for (int i = 0; i < COUNT(there); i++)
        ck_assert_msg(strstr(listed.out, there[i]) != NULL, "no \"%s\" in:\n%s", there[i], listed.out);
    static const char *const absent[] = { "\nlogits@3 ", "\ninput_ids@4 ", "\ninput_ids ", "vision_tower@1 " };
    for (int i = 0; i < COUNT(absent); i++)
        ck_assert_msg(strstr(listed.out, absent[i]) == NULL, "\"%s\" is there", absent[i]);

    assert_status(plumb("run", WHOLE, "--max-new-tokens", "3", "--ignore-eos", "--out", taps), 0);
    assert_status(plumb("grade", WHOLE, taps, "--as", "fp32", "--strict", "--ignore-eos"), 0);
}
END_TEST

/* A row that ends with its first token ends the run; with --ignore-eos it goes on. */
START_TEST(run_stops_too)
{
    const char *folder = copied_case(WHOLE), *path = arena_format(&scratch, "%s/model/generation_config.json", folder);
    write_text(path, arena_format(&scratch, "{\"eos_token_id\": %lld}", (long long)greedy_token(WHOLE, 0, 0)));
    Result model_not_graded_because = plumb("run", folder, "--max-new-tokens", "5", "--only", "input_ids@*", "--list");
    ck_assert_msg(strstr(model_not_graded_because.out, "input_ids@1 ") &&
                      !strstr(model_not_graded_because.out, "input_ids@2 "),
                  "%s", model_not_graded_because.out);
    Result ignored = plumb("run", folder, "--max-new-tokens", "5", "--only", "input_ids@*", "--list", "--ignore-eos");
    ck_assert_msg(strstr(ignored.out, "input_ids@5 ") != NULL, "%s", ignored.out);
}
END_TEST

START_TEST(help)
{
    Result result = plumb("generate", "--help");
    assert_status(result, 0);
    ck_assert_ptr_nonnull(strstr(result.out, "Usage: plumb generate [OPTION...] CASE\n"));
    ck_assert_ptr_nonnull(strstr(plumb("--help").out, "\n  generate  "));
}
END_TEST

Suite *generate_suite(void)
{
    Suite *suite = suite_create("generate");
    TCase *tcase = theme(suite, "tokens");
    tcase_add_loop_test(tcase, tokens, 0, COUNT(cases));
    tcase_add_test(tcase, one_token);
    tcase_add_loop_test(tcase, row_stops_at_its_end, 0, COUNT(files));
    tcase_add_test(tcase, help);
    tcase = theme(suite, "logits");
    tcase_add_test(tcase, logits_are_a_dump);
    tcase_add_test(tcase, logits_explain_tokens);
    tcase = theme(suite, "run");
    tcase_add_test(tcase, run_with_steps);
    tcase_add_test(tcase, run_stops_too);
    return suite;
}
