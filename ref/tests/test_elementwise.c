/* test_elementwise.c - one element at a time */
#include "helpers.h"
#include "nn/nn.h"

static void assert_values(Tensor tensor, const double *expected, int count)
{
    ck_assert_int_eq(elements(tensor), count);
    for (int i = 0; i < count; i++) assert_near(tensor.data[i], expected[i], 0, "element", i);
}
#define assert_elements(tensor, ...) \
    assert_values(tensor, (double[]){ __VA_ARGS__ }, COUNT(((double[]){ __VA_ARGS__ })))

START_TEST(sums_and_products)
{
    Run *run = run_as(ROUNDING_NONE);
    Tensor a = values(1, 2, 3), b = values(10, 20, -3);
    Tensor sum = add(a, b, run);
    assert_elements(sum, 11, 22, 0);
    assert_elements(a, 1, 2, 3);
    ck_assert_ptr_eq(add_(a, b, run).data, a.data);
    assert_elements(a, 11, 22, 0);
    ck_assert_ptr_eq(mul_(a, b, run).data, a.data);
    assert_elements(a, 110, 440, 0);
    assert_elements(b, 10, 20, -3);
}
END_TEST

START_TEST(results_are_rounded)
{
    Run *run = run_as(ROUNDING_BF16);
    const real fine = (real)0x1p-9;
    assert_elements(add(values(1), values(fine), run), 1);
    assert_elements(add_(values(1), values(fine), run), 1);
    assert_elements(mul_(values(1), values(1 + fine), run), 1);
    assert_elements(scale_(values(1 + fine, 3), 1, run), 1, 3);
    assert_elements(divide_(values(1 + fine, 3), 1, run), 1, 3);
    assert_elements(to_dtype_(values(1 + fine), run), 1);
    assert_elements(to_dtype_(values(1 + fine), run_as(ROUNDING_TF32)), 1 + 0x1p-9);
}
END_TEST

START_TEST(by_a_number)
{
    Run *run = run_as(ROUNDING_NONE);
    Tensor x = values(1, -3, 0);
    ck_assert_ptr_eq(scale_(x, 0.5, run).data, x.data);
    assert_elements(x, 0.5, -1.5, 0);
    ck_assert_ptr_eq(divide_(x, 0.25, run).data, x.data);
    assert_elements(x, 2, -6, 0);
    assert_elements(divide_(values(5, 7), 3, run), (real)5 / 3,
                    (real)7 / 3); /* not times a third: that is an ulp off */
}
END_TEST

START_TEST(by_a_row)
{
    Array row = array_of(values(10, -1));
    Tensor x = view(values(1, 2, 3, 4, 5, 6), 3, 1, 2);
    ck_assert_ptr_eq(mul_row_(x, &row, run_as(ROUNDING_NONE)).data, x.data);
    assert_elements(x, 10, -2, 30, -4, 50, -6);
}
END_TEST

/* The row is a weight: it is rounded as one, and the products as results. */
START_TEST(row_is_rounded)
{
    Run *results = run_as(ROUNDING_BF16), *weights = run_as(ROUNDING_BF16);
    results->weights = weights->rounding = ROUNDING_NONE;
    Array row = array_of(values((real)0x1.03p0, (real)0x1.02p0));
    assert_elements(mul_row_(values(1, (real)0x1.02p0), &row, results), 0x1.04p0, 0x1.04p0);
    assert_elements(mul_row_(values(1, (real)0x1.02p0), &row, weights), 0x1.04p0, 0x1.0404p0);
}
END_TEST

START_TEST(clamped)
{
    Run *run = run_as(ROUNDING_NONE);
    Tensor x = values(-2, -1, 0, 1, 2, INFINITY, -INFINITY);
    assert_elements(clamp(x, -1, (real)0.5, run), -1, -1, 0, 0.5, 0.5, 0.5, -1);
    assert_elements(x, -2, -1, 0, 1, 2, INFINITY, -INFINITY);
    assert_elements(clamp(x, -INFINITY, INFINITY, run), -2, -1, 0, 1, 2, INFINITY, -INFINITY);
    ck_assert_ptr_eq(clamp_(x, -INFINITY, 0).data, x.data);
    assert_elements(x, -2, -1, 0, 0, 0, 0, -INFINITY);
    ck_assert_msg(isnan(clamp(values(NAN), -1, 1, run).data[0]), "NaN was clamped to a number");
}
END_TEST

START_TEST(masked_rows_are_filled)
{
    const bool mask[] = { false, true, true };
    Tensor x = view(values(1, 2, 3, NAN, 5, 6), 3, 2);
    assert_elements(masked_fill(x, mask, -7, run_as(ROUNDING_NONE)), 1, 2, -7, -7, -7, -7);
    ck_assert_double_eq(x.data[4], 5);
}
END_TEST

Suite *elementwise_suite(void)
{
    Suite *suite = suite_create("elementwise");
    TCase *tcase = theme(suite, "arithmetic");
    tcase_add_test(tcase, sums_and_products);
    tcase_add_test(tcase, by_a_number);
    tcase_add_test(tcase, by_a_row);
    tcase_add_test(tcase, results_are_rounded);
    tcase_add_test(tcase, row_is_rounded);
    tcase_add_test(tcase, clamped);
    tcase_add_test(tcase, masked_rows_are_filled);
    return suite;
}
