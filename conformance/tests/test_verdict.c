/* test_verdict.c - PASS is earned */
#include "verdict.h"

#include "dumps.h"

static const char *const classes[] = { "fp32", "tf32", "fp16", "bf16" };

enum { MANY = 1000000000 }; /* rows, so that one of them is nothing beside the tap */

/* In units of the limits of the class. */
static const struct {
    Measurement measurement;
    Verdict expected;
} measurements[] = {
    { { MANY, 0, 0, 0 }, VERDICT_PASS },        { { MANY, 0, 1, 1 }, VERDICT_PASS },
    { { MANY, 0, 1.001, 0 }, VERDICT_FAIL },    { { MANY, 0, 0, 1.001 }, VERDICT_FAIL },
    { { MANY, 1, 0, 0 }, VERDICT_FAIL },        { { MANY, 0, NAN, 0 }, VERDICT_FAIL },
    { { MANY, 0, 0, NAN }, VERDICT_FAIL },      { { MANY, 0, INFINITY, 0 }, VERDICT_FAIL },
    { { MANY, 0, 0, INFINITY }, VERDICT_FAIL }, { { 0, 0, 1.001, 0 }, VERDICT_FAIL },
    { { 1, 0, 1.001, 1 }, VERDICT_PASS },       { { 1, 0, NAN, 1 }, VERDICT_FAIL },
};

START_TEST(judged)
{
    for (int i = 0; i < COUNT(classes); i++) {
        const Class *class = class_find(classes[i]);
        const Limits *limits = limits_of(class);
        Measurement m = measurements[_i].measurement;
        m.ratio *= limits->ratio;
        m.worst_row_ratio *= limits->worst_row_ratio;
        ck_assert_int_eq(verdict_of(class, m), measurements[_i].expected);
    }
}
END_TEST

/* An honest step is at 1; the least that a bug is known to stand at is 2.1 in a narrow class, 100 in float32. */
START_TEST(limits_with_reasons)
{
    for (int i = 0; i < COUNT(classes); i++) {
        const Limits *limits = limits_of(class_find(classes[i]));
        ck_assert_str_eq(limits->class, classes[i]);
        bool narrow = class_find(classes[i])->weights != ROUNDING_NONE;
        ck_assert(limits->ratio > 1 && limits->ratio < (narrow ? 2.1 : 100));
        ck_assert(limits->worst_row_ratio > limits->ratio);
        ck_assert_uint_gt(strlen(limits->reason), 0);
    }
    ck_assert_ptr_null(limits_of(&(Class){ .name = "fp8" }));
}
END_TEST

/* One row at its limit and the others honest must pass, however few there are. */
START_TEST(limits_of_few_rows)
{
    for (int i = 0; i < COUNT(classes); i++) {
        const Limits *limits = limits_of(class_find(classes[i]));
        double row = limits->worst_row_ratio;
        assert_near(limits_ratio(limits, 1), row, 1e-9, "one row", i);
        assert_near(limits_ratio(limits, 0), limits->ratio, 0, "no row", i);
        assert_near(limits_ratio(limits, 22), limits->ratio, 0, "many rows", i);
        for (int64_t rows = 2; rows < 8; rows++) {
            double sum = row * row + (double)(rows - 1);
            assert_near(limits_ratio(limits, rows), sqrt(sum / (double)rows), 1e-9, "rows", rows);
        }
    }
}
END_TEST

START_TEST(names)
{
    ck_assert_str_eq(verdict_name(VERDICT_PASS), "pass");
    ck_assert_str_eq(verdict_name(VERDICT_FAIL), "FAIL");
}
END_TEST

Suite *verdict_suite(void)
{
    Suite *suite = suite_create("verdict");
    TCase *tcase = theme(suite, "limits");
    tcase_add_loop_test(tcase, judged, 0, COUNT(measurements));
    tcase_add_test(tcase, limits_with_reasons);
    tcase_add_test(tcase, limits_of_few_rows);
    tcase_add_test(tcase, names);
    return suite;
}
