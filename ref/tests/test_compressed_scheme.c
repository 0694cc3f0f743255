/* test_compressed_scheme.c - which module is of which group */
#include "checkpoint/compressed_scheme.h"

#include "helpers.h"

/* A second group's target that matches model.a wins over the first group's "Linear", but for "Linear" itself. */
static const struct {
    const char *target;
    bool matches;
} targets[] = {
    { "model.a", true },        { "re:.*a$", true },    { "re:model", true }, { "re:mo(d|e)+l\\\\.\\\\w", true },
    { "re:mod\\\\del", false }, { "re:odel.a", false }, { "model", false },   { "model.a.weight", false },
    { "Embedding", false },     { "Linear", false },
};

static int group_of(const char *groups, const char *module, Error *error)
{
    json_t *json = json_loads(arena_format(&scratch, "{\"config_groups\": {%s}}", groups), 0, NULL);
    ConfigReader at = { "config.json", "quantization_config", json, error };
    CompressedScheme *schemes;
    int count = compressed_schemes_load(&schemes, at, &scratch);
    const CompressedScheme *scheme = compressed_scheme_of(schemes, count, module, at);
    int group = scheme ? (int)(scheme - schemes) : -1;
    json_decref(json);
    return group;
}

#define GROUP(name, target) "\"" name "\": {\"targets\": [\"" target "\"], \"weights\": {\"num_bits\": 8}}"

START_TEST(target_is_matched)
{
    Error error = { "" };
    const char *second = arena_format(&scratch, GROUP("2", "%s"), targets[_i].target);
    const char *groups = arena_format(&scratch, "%s, %s", GROUP("1", "Linear"), second);
    ck_assert_int_eq(group_of(groups, "model.a", &error), targets[_i].matches);
    assert_clean(&error);
}
END_TEST

START_TEST(nothing_matches)
{
    Error error = { "" };
    ck_assert_int_eq(group_of(GROUP("1", "model.b"), "model.a", &error), -1);
    ck_assert_int_eq(group_of("\"cache\": {\"targets\": [\"Linear\"]}", "model.a", &error), -1);
    assert_clean(&error);
}
END_TEST

/* As a target is, but no class of modules is meant */
START_TEST(ignored_by_name_and_expression)
{
    const char *list = arena_format(&scratch, "{\"ignore\": [\"lm_head\", \"%s\"]}", targets[_i].target);
    json_t *json = json_loads(list, 0, NULL);
    ConfigReader at = { "config.json", "quantization_config", json, NULL };
    ck_assert_msg(compressed_ignores("model.a", at) == targets[_i].matches, "%s", list);
    json_decref(json);
}
END_TEST

Suite *compressed_scheme_suite(void)
{
    Suite *suite = suite_create("compressed_scheme");
    TCase *tcase = theme(suite, "targets");
    tcase_add_loop_test(tcase, target_is_matched, 0, COUNT(targets));
    tcase_add_test(tcase, nothing_matches);
    tcase_add_loop_test(tcase, ignored_by_name_and_expression, 0, COUNT(targets));
    return suite;
}
