/* test_ports.c - stored dumps of real ports, graded as recipes/expected.json says */
#include "command.h"

enum { PORTS = 5 };

START_TEST(as_expected)
{
    json_t *ports = read_json("recipes/expected.json");
    ck_assert_uint_eq(json_array_size(ports), PORTS);
    const json_t *port = json_array_get(ports, (size_t)_i);
    const char *folder = arena_format(&scratch, "fixtures/%s", json_string_value(json_object_get(port, "case")));
    const char *names = json_string_value(json_object_get(port, "names"));
    const char *dump = json_string_value(json_object_get(port, "dump")),
               *class = json_string_value(json_object_get(port, "class")), *report = temporary("report.json");
    const char *arguments[] = { "diagnose", folder, dump, "--as", class, "--json", report, names ? "--names" : NULL,
                                names,      NULL };
    assert_status(run_plumb(arguments), (int)json_integer_value(json_object_get(port, "status")));

    json_t *found = read_json(report);
    const json_t *named = json_object_get(found, "all_named"), *bugs = json_object_get(port, "bugs");
    ck_assert_uint_eq(json_array_size(named), json_array_size(bugs));
    for (size_t i = 0; i < json_array_size(bugs); i++) {
        bool is_named = false;
        for (size_t n = 0; n < json_array_size(named); n++)
            is_named |= json_equal(json_array_get(named, n), json_array_get(bugs, i));
        ck_assert_msg(is_named, "%s: %s is not named", dump, json_string_value(json_array_get(bugs, i)));
    }
    json_decref(found);
    json_decref(ports);
}
END_TEST

Suite *ports_suite(void)
{
    Suite *suite = suite_create("ports");
    TCase *tcase = theme(suite, "ports");
    tcase_add_loop_test(tcase, as_expected, 0, PORTS);
    return suite;
}
