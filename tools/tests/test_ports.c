/* test_ports.c - stored dumps of real ports, diagnosed as recipes/expected.json says */
#include "command.h"

enum { OPTIONS = 16 };

static const char *text(const json_t *run, const char *key) {
    return json_string_value(json_object_get(run, key));
}

/* The runs whose dumps are stored, as a new array */
static json_t *stored_runs(void) {
    json_t *expected = json_load_file("recipes/expected.json", 0, NULL), *stored = json_array();
    for (size_t i = 0; i < json_array_size(json_object_get(expected, "runs")); i++) {
        json_t *run = json_array_get(json_object_get(expected, "runs"), i);
        if (text(run, "dump")) json_array_append(stored, run);
    }
    json_decref(expected);
    return stored;
}

/* plumb diagnose or plumb grade ends with the status that is expected of the run. */
static void assert_judged(const char *command, const json_t *run, const char *report) {
    const json_t *options = json_object_get(run, "plumb");
    const char *folder = arena_format(&scratch, "fixtures/%s", text(run, "case"));
    const char *arguments[OPTIONS + 8] = { command, folder, text(run, "dump"), "--as", text(run, "class"),
                                           "--json", report };
    ck_assert_uint_le(json_array_size(options), OPTIONS);
    for (size_t i = 0; i < json_array_size(options); i++)
        arguments[7 + i] = json_string_value(json_array_get(options, i));
    assert_status(run_plumb(arguments), (int)json_integer_value(json_object_get(run, "status")));
}

START_TEST(as_expected)
{
    json_t *runs = stored_runs();
    const json_t *run = json_array_get(runs, (size_t)_i);
    const char *report = temporary("report.json");
    assert_judged("diagnose", run, report);

    json_t *found = read_json(report);
    const json_t *named = json_object_get(found, "all_named"), *bugs = json_object_get(run, "bugs");
    ck_assert_uint_eq(json_array_size(named), json_array_size(bugs));
    for (size_t i = 0; i < json_array_size(bugs); i++) {
        bool is_named = false;
        for (size_t n = 0; n < json_array_size(named); n++)
            is_named |= json_equal(json_array_get(named, n), json_array_get(bugs, i));
        ck_assert_msg(is_named, "%s: %s is not named", text(run, "dump"), json_string_value(json_array_get(bugs, i)));
    }
    json_decref(found);
    json_decref(runs);
}
END_TEST

/* A grade must not take a bug that diagnose names for a feature of the arithmetic: ExecuTorch's erf is as far off as a
 * table of GELU. */
START_TEST(graded_as_diagnosed)
{
    json_t *runs = stored_runs();
    assert_judged("grade", json_array_get(runs, (size_t)_i), temporary("report.json"));
    json_decref(runs);
}
END_TEST

START_TEST(there_are_stored_runs)
{
    json_t *runs = stored_runs();
    ck_assert_uint_ge(json_array_size(runs), 5);
    json_decref(runs);
}
END_TEST

Suite *ports_suite(void)
{
    Suite *suite = suite_create("ports");
    TCase *tcase = theme(suite, "ports");
    json_t *runs = stored_runs();
    tcase_add_test(tcase, there_are_stored_runs);
    tcase_add_loop_test(tcase, as_expected, 0, (int)json_array_size(runs));
    tcase_add_loop_test(tcase, graded_as_diagnosed, 0, (int)json_array_size(runs));
    json_decref(runs);
    return suite;
}
