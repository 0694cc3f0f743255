/* test_code_steps.c - gaps between what codes mean */
#include "quantiser/code_steps.h"

#include "helpers.h"

START_TEST(gaps)
{
    static const double e2m1[] = { 0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6 };
    static const struct {
        double value, gap;
    } expected[] = { { 0.2, 0.5 }, { 1.9, 0.5 }, { 2, 1 }, { 3.5, 1 }, { 5, 2 }, { 100, 2 }, { -5, 2 }, { -100, 2 } };
    CodeSteps steps = code_steps_of(&(Encoding){ .bits = 4, .values = e2m1 });
    ck_assert_int_eq(steps.count, 15);
    for (int i = 0; i < COUNT(expected); i++)
        assert_near(code_steps_gap(&steps, expected[i].value), expected[i].gap, 0, "gap", i);
}
END_TEST

Suite *code_steps_suite(void)
{
    Suite *suite = suite_create("code_steps");
    tcase_add_test(theme(suite, "gaps"), gaps);
    return suite;
}
