/* test_softmax.c - rows against the definition in double */
#include "helpers.h"
#include "nn/nn.h"

enum { ROWS = 3 };

static double expected(const real *x, const real *mask, int64_t width, int64_t column)
{
    double max = -INFINITY, sum = 0;
    for (int64_t j = 0; j < width; j++) /* not fmax: GCC 12 for aarch64 crashes on it at -O3 */
        if (x[j] + (mask ? mask[j] : 0) > max) max = x[j] + (mask ? mask[j] : 0);
    for (int64_t j = 0; j < width; j++) sum += exp(x[j] + (mask ? mask[j] : 0) - max);
    return exp(x[column] + (mask ? mask[column] : 0) - max) / sum;
}

static const int64_t widths[] = { 1, 5, 64, 65, 128, 1000 };

/* One row of mask for all rows of x, or its data NULL */
static Matrix one_row(const real *mask, int64_t width) { return (Matrix){ (real *)mask, 1, width, width }; }

/* Rows of a wider matrix; every third column masked. */
START_TEST(rows_sum_to_one)
{
    int64_t width = widths[_i];
    for (int masked = 0; masked < 2; masked++) {
        Tensor x = random_values(ROWS, width + 2), before = add(x, x, run_as(ROUNDING_NONE));
        real mask[1000] = { 0 };
        for (int64_t j = 2; masked && j < width; j += 3) mask[j] = REAL_LOWEST;
        for (int64_t i = 0; i < elements(x); i++) x.data[i] = before.data[i] *= 10;
        softmax_rows_((Matrix){ x.data, ROWS, width, width + 2 }, one_row(masked ? mask : NULL, width),
                      run_as(ROUNDING_NONE));
        for (int64_t i = 0; i < ROWS * (width + 2); i++) {
            int64_t row = i / (width + 2), column = i % (width + 2);
            if (column < width)
                assert_near(x.data[i], expected(before.data + row * (width + 2), masked ? mask : NULL, width, column),
                            CLOSE, "share", i);
            else
                assert_near(x.data[i], before.data[i], 0, "beside the row", i);
        }
        for (int64_t j = 2; masked && j < width; j += 3) assert_near(x.data[j], 0, 0, "masked", j);
    }
}
END_TEST

static Tensor softmax_of(Tensor x, const real *mask, Rounding rounding)
{
    softmax_rows_(matrix(x), one_row(mask, last(x)), run_as(rounding));
    return x;
}

/* The softmax of equal lowest values is uniform, as torch has it. */
START_TEST(all_masked_is_uniform)
{
    const real mask[] = { REAL_LOWEST, REAL_LOWEST, REAL_LOWEST, REAL_LOWEST };
    Tensor x = softmax_of(values(1, -2, 3, 0), mask, ROUNDING_NONE);
    for (int i = 0; i < 4; i++) ck_assert_double_eq(x.data[i], 0.25);
}
END_TEST

START_TEST(nan_stays_nan)
{
    static const double bad[] = { NAN, INFINITY }; /* inf - inf is NaN, in torch too */
    for (int place = 0; place < 70; place += 23) {
        Tensor x = random_values(2, 70);
        x.data[place] = (real)bad[_i];
        softmax_of(x, NULL, ROUNDING_NONE);
        ck_assert_msg(isnan(x.data[place]), "%d is a number", place);
        ck_assert_msg(isfinite(x.data[70]), "NaN left its row");
        if (isnan(bad[_i])) ck_assert_msg(isnan(x.data[(place + 1) % 70]), "NaN did not fill its row");
    }
}
END_TEST

START_TEST(minus_infinity_has_no_share)
{
    Tensor x = softmax_of(values(-INFINITY, 5, 5), NULL, ROUNDING_NONE);
    ck_assert_double_eq(x.data[0], 0);
    ck_assert_double_eq(x.data[1], 0.5);
}
END_TEST

START_TEST(large_values_do_not_overflow)
{
    Tensor x = softmax_of(values(1e30, 1e30, -1e30), NULL, ROUNDING_NONE);
    ck_assert_double_eq(x.data[0], 0.5);
    ck_assert_double_eq(x.data[2], 0);
}
END_TEST

/* Each row of x has its own row of mask, in a matrix wider than they are. */
START_TEST(mask_of_each_row)
{
    Tensor x = random_values(ROWS, 5), mask = random_values(ROWS, 7), before = tensor_clone(x, run_as(ROUNDING_NONE));
    for (int64_t i = 0; i < ROWS; i++) mask.data[i * 7 + i] = REAL_LOWEST;
    softmax_rows_(matrix(x), (Matrix){ mask.data, ROWS, 5, 7 }, run_as(ROUNDING_NONE));
    for (int64_t i = 0; i < ROWS; i++)
        for (int64_t j = 0; j < 5; j++)
            assert_near(x.data[i * 5 + j], expected(before.data + i * 5, mask.data + i * 7, 5, j), CLOSE, "share",
                        i * 5 + j);
}
END_TEST

/* x + mask is rounded before: 256 + 1 is 256. The shares are not: the caller does that. */
START_TEST(rounded)
{
    const real mask[] = { 1, 0, 0 };
    Tensor x = softmax_of(values(256, 256, 256), mask, ROUNDING_BF16);
    for (int i = 0; i < 3; i++) assert_near(x.data[i], 1.0 / 3, CLOSE, "share", i);
    x = softmax_of(values(256, 256, 256), mask, ROUNDING_NONE);
    ck_assert_double_gt(x.data[0], 2 * x.data[1]);
}
END_TEST

Suite *softmax_suite(void)
{
    Suite *suite = suite_create("softmax");
    TCase *tcase = theme(suite, "rows");
    tcase_add_loop_test(tcase, rows_sum_to_one, 0, COUNT(widths));
    tcase_add_test(tcase, mask_of_each_row);
    tcase_add_test(tcase, all_masked_is_uniform);
    tcase_add_test(tcase, rounded);
    tcase = theme(suite, "extremes");
    tcase_add_loop_test(tcase, nan_stays_nan, 0, 2);
    tcase_add_test(tcase, minus_infinity_has_no_share);
    tcase_add_test(tcase, large_values_do_not_overflow);
    return suite;
}
