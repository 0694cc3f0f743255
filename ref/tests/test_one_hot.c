/* test_one_hot.c - a product with a one-hot matrix is a sum by index */
#include "helpers.h"
#include "nn/nn.h"

START_TEST(sums_by_index)
{
    const int64_t index[] = { 2, 0, 2, 2, 0 };
    Tensor x = random_values(5, 3), out = random_values(4, 3);
    one_hot_matmul(matrix(out), index, matrix(x), (real)0.25, run_as(ROUNDING_NONE));
    for (int64_t row = 0; row < 4; row++)
        for (int64_t j = 0; j < 3; j++) {
            double expected = 0;
            for (int64_t i = 0; i < 5; i++) expected += index[i] == row ? 0.25 * x.data[i * 3 + j] : 0;
            assert_near(out.data[row * 3 + j], expected, CLOSE, "sum", row * 3 + j);
        }
}
END_TEST

START_TEST(strides)
{
    real from[] = { 1, 2, 99, 3, 4, 99 }, to[] = { 7, 7, 7, 7, 7, 7 };
    one_hot_matmul((Matrix){ to, 2, 2, 3 }, (int64_t[]){ 1, 1 }, (Matrix){ from, 2, 2, 3 }, 1, run_as(ROUNDING_NONE));
    static const double expected[] = { 0, 0, 7, 4, 6, 7 };
    for (int i = 0; i < 6; i++) assert_near(to[i], expected[i], 0, "out", i);
}
END_TEST

/* It is a matrix product in HF: tf32 rounds both factors, nothing rounds the sum. */
START_TEST(factors_are_rounded)
{
    Tensor out = new_tensor(run_as(ROUNDING_NONE), 1, 1);
    const real fine = (real)0x1.002p0;
    one_hot_matmul(matrix(out), (int64_t[]){ 0, 0 }, matrix(view(values(fine, (real)0x1p-13), 2, 1)), fine,
                   run_as(ROUNDING_TF32));
    ck_assert_double_eq(out.data[0], 1 + 0x1p-13);
    one_hot_matmul(matrix(out), (int64_t[]){ 0, 0 }, matrix(view(values(1, (real)0x1p-13), 2, 1)), 1,
                   run_as(ROUNDING_BF16));
    ck_assert_double_eq(out.data[0], 1 + 0x1p-13);
}
END_TEST

Suite *one_hot_suite(void)
{
    Suite *suite = suite_create("one_hot");
    TCase *tcase = theme(suite, "one_hot_matmul");
    tcase_add_test(tcase, sums_by_index);
    tcase_add_test(tcase, strides);
    tcase_add_test(tcase, factors_are_rounded);
    return suite;
}
