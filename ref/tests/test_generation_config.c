/* test_generation_config.c - what ends a row, and what it goes on with: generation.c's generation_config_load */
#include "gemma4.h"
#include "helpers.h"

static const struct {
    const char *file, *config; /* generation_config.json, NULL without; and config.json */
    int text_pad_token_id;
    int count;
    int64_t eos[3];
    int64_t pad;
} settings[] = {
    { "{\"eos_token_id\": 7, \"pad_token_id\": 9}", "{\"eos_token_id\": 3}", 0, 1, { 7 }, 9 },
    { "{\"eos_token_id\": [1, 106, 50], \"pad_token_id\": 0}", "{}", 2, 3, { 1, 106, 50 }, 0 },
    { "{\"eos_token_id\": [], \"pad_token_id\": 4}", "{\"eos_token_id\": 3}", 0, 0, { 0 }, 4 },
    /* the file decides alone, where there is one */
    { "{\"eos_token_id\": [3, 19]}", "{\"eos_token_id\": 1}", 0, 2, { 3, 19 }, 3 },
    { "{\"pad_token_id\": 9}", "{\"eos_token_id\": 1}", 0, 0, { 0 }, 9 },
    { "{}", "{\"eos_token_id\": 1}", 0, 0, { 0 }, -1 },
    { NULL, "{\"eos_token_id\": 3}", 2, 1, { 3 }, 2 },
    { NULL, "{\"eos_token_id\": [4, 5]}", 2, 2, { 4, 5 }, 2 },
    { NULL, "{\"text_config\": {\"eos_token_id\": 6}}", 2, 1, { 6 }, 2 },
    { NULL, "{\"eos_token_id\": 5, \"text_config\": {\"eos_token_id\": 6}}", 2, 1, { 5 }, 2 },
    { NULL, "{\"eos_token_id\": null, \"text_config\": {\"eos_token_id\": null}}", 2, 0, { 0 }, 2 },
    /* without a pad token, HF pads with the first that ends a row */
    { NULL, "{\"eos_token_id\": [4, 5]}", -1, 2, { 4, 5 }, 4 },
};

static GenerationConfig load(const char *file, const char *config, int text_pad_token_id, Error *error)
{
    GenerationConfig m = { 0 };
    if (file) write_text(temporary("generation_config.json"), file);
    json_t *json = json_loads(config, 0, NULL);
    Gemma4TextConfig text_config = { .pad_token_id = text_pad_token_id, .vocab_size = 320 };
    generation_config_load(&m, temporary_folder(), (ConfigReader){ "config.json", "", json, error }, &text_config,
                           &scratch);
    json_decref(json);
    return m;
}

static const struct {
    const char *file, *config;
    int count;
    int64_t tokens[3];
} suppressions[] = {
    { "{\"suppress_tokens\": [7, 9, 400]}", "{\"suppress_tokens\": [1]}", 3, { 7, 9, 400 } },
    { "{\"suppress_tokens\": []}", "{}", 0, { 0 } },
    { "{\"suppress_tokens\": null}", "{}", 0, { 0 } },
    { "{}", "{\"suppress_tokens\": [1]}", 0, { 0 } },
    { NULL, "{\"suppress_tokens\": [1]}", 1, { 1 } },
    { NULL, "{\"text_config\": {\"suppress_tokens\": [2, 3]}}", 2, { 2, 3 } },
};

START_TEST(suppressed)
{
    Error error = { "" };
    GenerationConfig m = load(suppressions[_i].file, suppressions[_i].config, 0, &error);
    assert_clean(&error);
    ck_assert_int_eq(m.suppress_count, suppressions[_i].count);
    for (int i = 0; i < m.suppress_count; i++) ck_assert_int_eq(m.suppress_tokens[i], suppressions[_i].tokens[i]);
}
END_TEST

START_TEST(setting)
{
    Error error = { "" };
    GenerationConfig m = load(settings[_i].file, settings[_i].config, settings[_i].text_pad_token_id, &error);
    assert_clean(&error);
    ck_assert_int_eq(m.eos_count, settings[_i].count);
    for (int i = 0; i < m.eos_count; i++) {
        ck_assert_int_eq(m.eos_token_id[i], settings[_i].eos[i]);
        ck_assert(is_eos_token(&m, settings[_i].eos[i]));
    }
    ck_assert(!is_eos_token(&m, 2) && !is_eos_token(&m, -1));
    ck_assert_int_eq(m.pad_token_id, settings[_i].pad);
}
END_TEST

static const struct {
    const char *file, *config, *at, *says;
} bad_settings[] = {
    { "{\"eos_token_id\": \"1\"}", "{}", "generation_config.json",
      ": eos_token_id: found something else, expected a token" },
    { "{\"eos_token_id\": [1, -2]}", "{}", "generation_config.json", ": eos_token_id: found something else, expected" },
    { "{\"eos_token_id\": 1.5}", "{}", "generation_config.json", ": eos_token_id: found something else, expected" },
    { "{\"eos_token_id\": [[1]]}", "{}", "generation_config.json", ": eos_token_id: found something else, expected" },
    { "{\"pad_token_id\": -1}", "{}", "generation_config.json", ": pad_token_id: found -1, expected a whole number" },
    { "{\"pad_token_id\": 320}", "{}", "generation_config.json",
      ": pad_token_id: found 320, expected one below vocab_size 320" },
    { "{\"suppress_tokens\": 3}", "{}", "generation_config.json",
      ": suppress_tokens: found something else, expected a list of token ids" },
    { "{\"suppress_tokens\": [1, \"2\"]}", "{}", "generation_config.json",
      ": suppress_tokens: found something else, expected a token id" },
    { "{", "{}", "generation_config.json", ": found invalid JSON" },
    { NULL, "{\"eos_token_id\": true}", NULL, "config.json: eos_token_id: found something else, expected a token" },
    { NULL, "{\"text_config\": {\"eos_token_id\": -1}}", NULL, "text_config.eos_token_id: found something else" },
};

START_TEST(bad_setting)
{
    Error error = { "" };
    load(bad_settings[_i].file, bad_settings[_i].config, 0, &error);
    assert_refused(&error, bad_settings[_i].at ? temporary(bad_settings[_i].at) : NULL, bad_settings[_i].says);
}
END_TEST

Suite *generation_config_suite(void)
{
    Suite *suite = suite_create("generation_config");
    TCase *tcase = theme(suite, "generation_config");
    tcase_add_loop_test(tcase, setting, 0, COUNT(settings));
    tcase_add_loop_test(tcase, suppressed, 0, COUNT(suppressions));
    tcase_add_loop_test(tcase, bad_setting, 0, COUNT(bad_settings));
    return suite;
}
