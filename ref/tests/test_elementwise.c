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
    assert_elements(to_dtype_(values(1 + fine), run), 1);
    assert_elements(to_dtype_(values(1 + fine), run_as(ROUNDING_TF32)), 1 + 0x1p-9);
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

START_TEST(transposed)
{
    Tensor x = random_values(2, 3, 4, 5), y = transpose_1_2(x, run_as(ROUNDING_NONE));
    ck_assert_mem_eq(y.shape, ((int64_t[]){ 2, 4, 3, 5 }), sizeof y.shape);
    for (int i = 0; i < 2 * 3 * 4 * 5; i++) {
        int d = i % 5, c = i / 5 % 4, b = i / 20 % 3, a = i / 60;
        assert_near(y.data[((a * 4 + c) * 3 + b) * 5 + d], x.data[i], 0, "transposed", i);
    }
}
END_TEST

Suite *elementwise_suite(void)
{
    Suite *suite = suite_create("elementwise");
    TCase *tcase = theme(suite, "arithmetic");
    tcase_add_test(tcase, sums_and_products);
    tcase_add_test(tcase, results_are_rounded);
    tcase_add_test(tcase, clamped);
    tcase = theme(suite, "moving");
    tcase_add_test(tcase, masked_rows_are_filled);
    tcase_add_test(tcase, transposed);
    return suite;
}
