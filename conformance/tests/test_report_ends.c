/* test_report_ends.c - ends as text and as JSON, from a grade made by hand */
#include "report/report_ends.h"

#include "dumps.h"
#include "report/report_grade.h"

static Step steps[] = {
    { .tap = "model.a", .rank = 3, .shape = { 2, 3, 4 }, .rows = 6, .graded_rows = 6, .ratio = 1 },
    { .tap = "model.b", .rank = 3, .shape = { 2, 3, 4 }, .rows = 6, .graded_rows = 6, .ratio = 9 },
};

static End ends[] = {
    { .tap = "model.b",
      .replays = 4,
      .rows = 5,
      .total = 1e-2,
      .honest = 8e-3,
      .ratio = 1.25,
      .ratio_limit = 3,
      .worst_row_ratio = 2,
      .row_limit = 5,
      .worst_row = 4 },
    { .tap = "model.a",
      .replays = 64,
      .rows = 21,
      .total = 0.45,
      .honest = 0.04,
      .ratio = 11.25,
      .ratio_limit = 3,
      .worst_row_ratio = 21.8,
      .row_limit = 5,
      .worst_row = 4,
      .logits = true,
      .divergence = 0.15,
      .honest_divergence = 1.1e-3,
      .root_ratio = 11.7,
      .root_limit = 3,
      .flipped = 7,
      .honest_flipped = 0.96,
      .verdict = VERDICT_FAIL },
};

static const ReportTitle title = { "e2b", "yours.safetensors", 0 };

static Grade grade_of(int first_bent, int end_count)
{
    return (Grade){ .class = class_find("bf16"),
                    .declared = class_find("bf16"),
                    .steps = steps,
                    .step_count = COUNT(steps),
                    .ends = { ends, end_count },
                    .first_bent = first_bent };
}

static void print(FILE *out, const void *grade) { report_text(out, grade, title); }

/* A dump whose steps are straight, and that is far off at an end */
START_TEST(text_of_a_far_dump)
{
    Grade grade = grade_of(-1, 2);
    static const char *const parts[] = {
        "\nend of a part     total   honest  ratio    row       KL   honest   root  flipped          verdict\n"
        "model.b         1.0e-02  8.0e-03   1.25   2.00        -        -      -  -                pass\n"
        "model.a         4.5e-01  4.0e-02  11.25  21.80  1.5e-01  1.1e-03  11.70  7 (1.0) of 21    FAIL\n",
        "FAIL  all 2 steps are straight, but their errors add up at model.a\n"
        "      over its limit: ratio 11.2 (3), row [1, 1] 21.8 (5), root of KL 11.7 (3)\n",
    };
    const char *text = printed(print, &grade);
    for (int i = 0; i < COUNT(parts); i++)
        ck_assert_msg(strstr(text, parts[i]) != NULL, "no \"%s\" in:\n%s", parts[i], text);
    ck_assert_str_eq(report_verdict(&grade), "fail");
}
END_TEST

START_TEST(text_of_a_near_dump)
{
    Grade grade = grade_of(-1, 1);
    const char *text = printed(print, &grade);
    ck_assert_ptr_nonnull(
        strstr(text, "  ratio    row  verdict\nmodel.b         1.0e-02  8.0e-03   1.25   2.00  pass\n"));
    ck_assert_ptr_nonnull(strstr(text, "PASS  all 2 steps are straight as bf16\n"));
    ck_assert_str_eq(report_verdict(&grade), "pass");
    grade = grade_of(-1, 0);
    ck_assert_ptr_null(strstr(printed(print, &grade), "end of a part"));
}
END_TEST

/* A step that is bent is named first. */
START_TEST(text_of_a_bent_dump)
{
    Grade grade = grade_of(1, 2);
    const char *text = printed(print, &grade);
    ck_assert_ptr_nonnull(strstr(text, "FAIL  first bent step: model.b ("));
    ck_assert_ptr_null(strstr(text, "add up"));
}
END_TEST

START_TEST(json)
{
    Grade grade = grade_of(-1, 2);
    json_t *report = ends_json(&grade), *list = json_object_get(report, "ends"), *far = json_array_get(list, 1);
    ck_assert_str_eq(json_string_value(json_object_get(report, "first_far")), "model.a");
    ck_assert_uint_eq(json_array_size(list), 2);
    ck_assert_uint_eq(json_object_size(json_array_get(list, 0)), 11);
    ck_assert_uint_eq(json_object_size(far), 17);
    assert_near(json_number_value(json_object_get(far, "root_kl_ratio")), 11.7, 1e-9, "root_kl_ratio", 0);
    assert_near(json_number_value(json_object_get(far, "worst_row_limit")), 5, 1e-9, "worst_row_limit", 0);
    ck_assert_int_eq(json_integer_value(json_object_get(far, "flipped")), 7);
    ck_assert_str_eq(json_string_value(json_object_get(far, "verdict")), "fail");
    ck_assert(json_is_number(json_object_get(json_object_get(report, "end_limits"), "root_kl_ratio")));
    json_decref(report);

    grade = grade_of(-1, 0);
    report = ends_json(&grade);
    ck_assert_uint_eq(json_array_size(json_object_get(report, "ends")), 0);
    ck_assert(json_is_null(json_object_get(report, "first_far")));
    json_decref(report);
}
END_TEST

Suite *report_ends_suite(void)
{
    Suite *suite = suite_create("report_ends");
    TCase *tcase = theme(suite, "report");
    tcase_add_test(tcase, text_of_a_far_dump);
    tcase_add_test(tcase, text_of_a_near_dump);
    tcase_add_test(tcase, text_of_a_bent_dump);
    tcase_add_test(tcase, json);
    return suite;
}
