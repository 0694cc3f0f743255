/* test_report_grade.c - a grade as text and as JSON, from grades made by hand */
#include "report/report_grade.h"

#include <math.h>
#include <stdlib.h>

#include "dumps.h"

static Step steps[3];
static const char *not_graded[8] = { "t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7" };
static const char *unknown[1] = { "my.own" };

/* A straight step, a bent one with a NaN in it, and one of padding only. */
static Grade grade_of(int step_count, int first_bent)
{
    steps[0] = (Step){ .tap = "model.a",
                       .rank = 3,
                       .shape = { 2, 3, 4 },
                       .samples = 8,
                       .rows = 6,
                       .graded_rows = 5,
                       .introduced = 2e-3,
                       .honest = 2.1e-3,
                       .ratio = 0.95,
                       .inherited = NAN,
                       .total = NAN,
                       .worst_row = 4,
                       .worst_row_ratio = 1.4,
                       .worst_channel = 2,
                       .worst_channel_ratio = 1.3,
                       .worst_element = 17,
                       .worst_element_ratio = 3.7,
                       .bias = -0.02,
                       .honest_bias = 0.1,
                       .worst_expected = 1,
                       .worst_found = 1.5,
                       .verdict = VERDICT_PASS };
    steps[1] = steps[0];
    steps[1].tap = "model.b";
    steps[1].ratio = INFINITY;
    steps[1].non_finite = 3;
    steps[1].worst_row_ratio = 123;
    steps[1].worst_element_ratio = 1234;
    steps[1].worst_found = 0.75;
    steps[1].verdict = VERDICT_FAIL;
    steps[2] = (Step){ .tap = "model.c",
                       .rank = 2,
                       .shape = { 3, 4 },
                       .rows = 3,
                       .worst_row = -1,
                       .worst_channel = -1,
                       .worst_element = -1,
                       .inherited = NAN,
                       .total = NAN,
                       .verdict = VERDICT_PASS };
    return (Grade){ .class = class_find("bf16"),
                    .declared = class_find("bf16"),
                    .steps = steps,
                    .step_count = step_count,
                    .not_graded = not_graded,
                    .not_graded_count = COUNT(not_graded),
                    .unknown = unknown,
                    .unknown_count = 1,
                    .first_bent = first_bent };
}

static const ReportTitle title = { "e2b", "yours.safetensors", 0 };

static const char *text_of(const Grade *grade)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    report_text(out, grade, title);
    fclose(out);
    const char *kept = arena_format(&scratch, "%s", text);
    free(text);
    return kept;
}

static void assert_parts(const char *text, const char *const *parts)
{
    for (; *parts; parts++) ck_assert_msg(strstr(text, *parts) != NULL, "no \"%s\" in:\n%s", *parts, text);
}

#define assert_holds(text, ...) assert_parts(text, (const char *const[]){ __VA_ARGS__, NULL })

START_TEST(text_of_a_bent_dump)
{
    Grade grade = grade_of(3, 1);
    assert_holds(
        text_of(&grade), "case e2b   dump yours.safetensors   graded as bf16   3 of 11 taps present\n",
        "model.a     2.0e-03  2.1e-03    0.95   1.40    1.30    3.70  -0.02  pass\n",
        "    inf    123    1.30    1234  -0.02  FAIL  3 not finite\n", "not graded\n",
        ": 8 names (--json lists them)\n", "in the dump, but no tap of this case: my.own\n",
        "FAIL  first bent step: model.b (steps before it: 1, all straight; after it: 1, 1 of them straight on its "
        "output)\n"
        "      over its limit: not finite 3 (0), ratio inf (3.69), row [1, 1] 123 (8), element [1, 1, "
        "1] 1.23e+03 (8)\n"
        "      worst element [1, 1, 1]: found 0.75, expected 1\n");
}
END_TEST

START_TEST(text_of_a_straight_dump)
{
    Grade grade = grade_of(1, -1);
    grade.not_graded_count = grade.unknown_count = 0;
    const char *text = text_of(&grade);
    assert_holds(text, "PASS  all 1 steps are straight as bf16\n");
    ck_assert_ptr_null(strstr(text, "not graded"));
    ck_assert_ptr_null(strstr(text, "FAIL"));
}
END_TEST

START_TEST(text_of_padding_only)
{
    Grade grade = grade_of(3, -1);
    steps[0] = steps[1] = steps[2];
    assert_holds(text_of(&grade),
                 "NOTHING GRADED  the dump holds no row of an image or a text, only padding or nothing at all\n");
}
END_TEST

/* A tap of which the dump holds the last rows alone */
START_TEST(text_of_a_part)
{
    Grade grade = grade_of(1, -1);
    steps[0].tap_rows = 24;
    assert_holds(text_of(&grade), "  pass  6 of 24 rows\n",
                 "PASS  all 1 steps are straight as bf16, 1 of them in part (fewest: 6 of 24 "
                 "rows)\n");
    steps[0].tap_rows = steps[0].rows;
    ck_assert_ptr_null(strstr(text_of(&grade), " of 6 rows"));
    ck_assert_ptr_null(strstr(text_of(&grade), "in part"));
}
END_TEST

START_TEST(text_of_few_rows)
{
    Grade grade = grade_of(1, -1);
    steps[0].graded_rows = 1;
    assert_holds(text_of(&grade), "\nlimits are wider at 1 step of few rows, most at model.a (1): "
                                  "4.00 times for ratio, 1.60 for channel\n");
    steps[0].graded_rows = 100;
    ck_assert_ptr_null(strstr(text_of(&grade), "few rows"));
}
END_TEST

static Tie ties[] = {
    { "model.layers.2.router#top_k_index@1", 7, 5, 3, 0.008, 0.01 },
    { "input_ids@3", 0, 17, 9, 0, 0 },
};

static Grade tied_grade(int count)
{
    Grade grade = grade_of(1, -1);
    grade.ties = ties;
    grade.tie_count = count;
    return grade;
}

START_TEST(text_of_ties)
{
    Grade grade = tied_grade(2);
    assert_holds(text_of(&grade),
                 "\ntie  model.layers.2.router#top_k_index@1 [7]: expert 5 for 3, 0.8 noise units apart\n"
                 "tie  input_ids@3 [0]: token 17 for 9, 0.0 noise units apart\n",
                 "PASS  all 1 steps are straight as bf16, 2 choices tied\n");
    grade = tied_grade(1);
    assert_holds(text_of(&grade), "PASS  all 1 steps are straight as bf16, 1 choice tied\n");
}
END_TEST

START_TEST(verdicts)
{
    Grade grade = grade_of(3, 1);
    ck_assert_str_eq(report_verdict(&grade), "fail");
    grade = grade_of(1, -1);
    ck_assert_str_eq(report_verdict(&grade), "pass");
    steps[0] = steps[2];
    ck_assert_str_eq(report_verdict(&grade), "none");
}
END_TEST

static json_t *json_of(const Grade *grade)
{
    Error error = { "" };
    report_json(temporary("report.json"), grade, title, &error);
    assert_clean(&error);
    ck_assert_int_eq(files_in(temporary_folder()), 1);
    json_t *report = json_load_file(temporary("report.json"), JSON_REJECT_DUPLICATES, NULL);
    ck_assert_msg(report != NULL, "the report is no valid JSON");
    return report;
}

START_TEST(json_of_a_bent_dump)
{
    Grade grade = grade_of(3, 1);
    json_t *report = json_of(&grade);
    static const char *const strings[][2] = { { "case", "e2b" },
                                              { "dump", "yours.safetensors" },
                                              { "class", "bf16" },
                                              { "verdict", "fail" },
                                              { "first_bent", "model.b" } };
    for (int i = 0; i < COUNT(strings); i++)
        ck_assert_str_eq(json_string_value(json_object_get(report, strings[i][0])), strings[i][1]);
    ck_assert_uint_eq(json_array_size(json_object_get(report, "not_graded")), 8);
    ck_assert_uint_eq(json_array_size(json_object_get(report, "unknown")), 1);

    json_t *list = json_object_get(report, "steps"), *bent = json_array_get(list, 1),
           *padding = json_array_get(list, 2);
    ck_assert_uint_eq(json_array_size(list), 3);
    ck_assert_uint_eq(json_object_size(bent), 21);
    static const char *const keys[] = { "worst_channel", "worst_channel_ratio", "worst_element_ratio", "bias",
                                        "honest_bias",   "introduced",          "non_finite",          "graded_rows",
                                        "tap_rows",      "ratio_limit",         "worst_channel_limit" };
    const double numbers[] = { 2, 1.3, 1234, -0.02, 0.1, 2e-3, 3, 5, 6, sqrt(1 + 63 / 5.0), 5 };
    for (int i = 0; i < COUNT(keys); i++)
        assert_near(json_number_value(json_object_get(bent, keys[i])), numbers[i], 1e-8, keys[i], 0);
    json_t *place = json_object_get(bent, "worst_row"), *element = json_object_get(bent, "worst_element");
    ck_assert_int_eq(json_integer_value(json_array_get(place, 0)), 1);
    ck_assert_int_eq(json_integer_value(json_array_get(place, 1)), 1);
    ck_assert_uint_eq(json_array_size(json_object_get(element, "index")), 3);
    assert_near(json_number_value(json_object_get(element, "found")), 0.75, 0, "found", 0);
    ck_assert(json_is_null(json_object_get(padding, "ratio_limit")));
    ck_assert_str_eq(json_string_value(json_object_get(bent, "verdict")), "fail");
    ck_assert(json_is_null(json_object_get(bent, "ratio"))); /* infinite */
    ck_assert(json_is_null(json_object_get(bent, "total"))); /* NaN */
    ck_assert(json_is_null(json_object_get(padding, "worst_row")));
    ck_assert(json_is_null(json_object_get(padding, "worst_channel")));
    ck_assert(json_is_null(json_object_get(padding, "worst_element")));
    ck_assert_str_eq(json_string_value(json_object_get(padding, "verdict")), "none");
    ck_assert_double_gt(json_number_value(json_object_get(json_object_get(report, "limits"), "ratio")), 1);
    json_decref(report);
}
END_TEST

START_TEST(json_of_a_straight_dump)
{
    Grade grade = grade_of(1, -1);
    json_t *report = json_of(&grade);
    ck_assert_str_eq(json_string_value(json_object_get(report, "verdict")), "pass");
    ck_assert(json_is_null(json_object_get(report, "first_bent")));
    json_decref(report);
}
END_TEST

START_TEST(json_of_ties)
{
    Grade grade = tied_grade(2);
    json_t *report = json_of(&grade), *list = json_object_get(report, "ties"), *tie = json_array_get(list, 0);
    ck_assert_uint_eq(json_array_size(list), 2);
    ck_assert_str_eq(json_string_value(json_object_get(tie, "tap")), ties[0].tap);
    ck_assert_int_eq(json_integer_value(json_object_get(tie, "row")), 7);
    ck_assert_int_eq(json_integer_value(json_object_get(tie, "found")), 5);
    ck_assert_int_eq(json_integer_value(json_object_get(tie, "expected")), 3);
    assert_near(json_number_value(json_object_get(tie, "gap")), 0.008, 1e-9, "gap", 0);
    assert_near(json_number_value(json_object_get(tie, "noise")), 0.01, 1e-9, "noise", 0);
    ck_assert_str_eq(json_string_value(json_object_get(report, "verdict")), "pass");
    json_decref(report);

    grade = grade_of(1, -1);
    report = json_of(&grade);
    ck_assert_uint_eq(json_array_size(json_object_get(report, "ties")), 0);
    json_decref(report);
}
END_TEST

START_TEST(json_in_no_folder)
{
    Error error = { "" };
    Grade grade = grade_of(1, -1);
    report_json(temporary("absent/report.json"), &grade, title, &error);
    assert_refused(&error, temporary("absent/report.json"), ": cannot be written: No such file or directory");
}
END_TEST

Suite *report_grade_suite(void)
{
    Suite *suite = suite_create("report_grade");
    TCase *tcase = theme(suite, "text");
    tcase_add_test(tcase, text_of_a_bent_dump);
    tcase_add_test(tcase, text_of_a_straight_dump);
    tcase_add_test(tcase, text_of_padding_only);
    tcase_add_test(tcase, text_of_a_part);
    tcase_add_test(tcase, text_of_few_rows);
    tcase_add_test(tcase, text_of_ties);
    tcase_add_test(tcase, verdicts);
    tcase = theme(suite, "json");
    tcase_add_test(tcase, json_of_a_bent_dump);
    tcase_add_test(tcase, json_of_a_straight_dump);
    tcase_add_test(tcase, json_of_ties);
    tcase_add_test(tcase, json_in_no_folder);
    return suite;
}
