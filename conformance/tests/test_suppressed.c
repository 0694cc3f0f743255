/* test_suppressed.c - tokens that generation_config.json suppresses: no honest backend chooses them, however near */
#include "backends.h"

static const Backend backend = { .class = "bf16", .max_new_tokens = 4 };

/* Token of row 0 in a dump's input_ids@step */
static int64_t token_in(const char *file, const char *tap)
{
    Error error = { "" };
    Safetensors *dump = safetensors_open(file, &error);
    assert_clean(&error);
    int64_t token = array_integer(safetensors_find(dump, tap), 0);
    safetensors_close(dump);
    return token;
}

static void suppress(int64_t token)
{
    write_text(temporary("model/generation_config.json"),
               arena_format(&scratch, "{\"suppress_tokens\": [%lld, 999], \"pad_token_id\": 0}", (long long)token));
}

START_TEST(chosen_all_the_same)
{
    Text text = text_of("{}", two_rows);
    const char *dump = backend_dump(text, &backend);
    suppress(token_in(dump, "input_ids@2"));
    Grade *grade = graded_text(text, dump, "bf16", NULL);
    ck_assert_int_ge(grade->first_bent, 0);
    const char *tap = grade->steps[grade->first_bent].tap;
    ck_assert_msg(strcmp(tap, "input_ids@1") == 0 || strcmp(tap, "input_ids@2") == 0, "bent at %s", tap);
    grade_free(grade);
}
END_TEST

/* The tokens that the backend suppresses, and whether it dumps what it chooses by */
static void lack_logits(Value *value, const void *context)
{
    (void)context;
    value->dropped = strncmp(value->name, "logits", 6) == 0 || strncmp(value->name, "lm_head", 7) == 0 ||
                     strncmp(value->name, "input_ids", 9) == 0;
}

START_TEST(honoured)
{
    Text text = text_of("{}", two_rows);
    int64_t token = token_in(backend_dump(text, &backend), "input_ids@1");
    suppress(token);
    Backend honest = backend;
    honest.edit = _i ? lack_logits : NULL;
    const char *dump = backend_dump(text, &honest);
    if (!_i) ck_assert_int_ne(token_in(dump, "input_ids@1"), token);
    Grade *grade = graded_text(text, dump, "bf16", NULL);
    assert_passes(grade, dump);
    for (int n = 0; n < grade->tie_count; n++) ck_assert_int_ne(grade->ties[n].found, token);
    grade_free(grade);
}
END_TEST

Suite *suppressed_suite(void)
{
    Suite *suite = suite_create("suppressed");
    TCase *tcase = theme(suite, "tokens");
    tcase_add_test(tcase, chosen_all_the_same);
    tcase_add_loop_test(tcase, honoured, 0, 2);
    return suite;
}
