/* test_norm.c - RMSNorm and LayerNorm against their definitions in double */
#include "helpers.h"
#include "nn/nn.h"

static double expected(Tensor x, const Tensor *weight, double eps, int64_t row, int64_t column)
{
    int64_t width = last(x);
    double sum = 0;
    for (int64_t j = 0; j < width; j++) sum += (double)x.data[row * width + j] * x.data[row * width + j];
    double normed = x.data[row * width + column] * pow(sum / (double)width + eps, -0.5);
    return weight ? normed * weight->data[column] : normed;
}

static const int64_t widths[] = { 1, 7, 64, 1152 };
static const double epsilons[] = { 1e-6, 0.5 };

START_TEST(normed_rows)
{
    int64_t width = widths[_i];
    Tensor x = random_values(3, 2, width), w = random_values(width);
    Array weight = array_of(w);
    for (int e = 0; e < COUNT(epsilons); e++) {
        Tensor plain = rms_norm(x, NULL, epsilons[e], run_as(ROUNDING_NONE));
        Tensor scaled = rms_norm(x, &weight, epsilons[e], run_as(ROUNDING_NONE));
        ck_assert_int_eq(scaled.rank, 3);
        for (int64_t i = 0; i < elements(x); i++) {
            assert_near(plain.data[i], expected(x, NULL, epsilons[e], i / width, i % width), 4 * CLOSE, "normed", i);
            assert_near(scaled.data[i], expected(x, &w, epsilons[e], i / width, i % width), 4 * CLOSE, "scaled", i);
        }
    }
}
END_TEST

START_TEST(zeros_stay_zero)
{
    Tensor y = rms_norm(values(0, 0, 0), NULL, 1e-6, run_as(ROUNDING_NONE));
    for (int i = 0; i < 3; i++) ck_assert_double_eq(y.data[i], 0);
}
END_TEST

START_TEST(nan_fills_its_own_row)
{
    Tensor y = rms_norm(view(values(1, NAN, 1, 1), 2, 2), NULL, 1e-6, run_as(ROUNDING_NONE));
    ck_assert_double_nan(y.data[0]);
    ck_assert_double_nan(y.data[1]);
    ck_assert_double_finite(y.data[2]);
}
END_TEST

/* The result alone is rounded, and the weight as it is read: inside it is float32. Here x is normed to 1. */
START_TEST(rounded_once)
{
    Array weight = array_of(values((real)0x1.03p0, (real)0x1.03p0));
    Run *results = run_as(ROUNDING_BF16), *weights = run_as(ROUNDING_BF16);
    results->weights = weights->rounding = ROUNDING_NONE;
    ck_assert_double_eq(rms_norm(values(3, 3), &weight, 0, results).data[0], 0x1.04p0);
    assert_near(rms_norm(values(3, 3), &weight, 0, weights).data[0], 0x1.04p0, CLOSE, "with a rounded weight", 0);
    assert_near(rms_norm(values(3, 3), &weight, 0, run_as(ROUNDING_NONE)).data[0], 0x1.03p0, CLOSE, "plain", 0);
}
END_TEST

static double expected_layer(Tensor x, Tensor w, Tensor b, double eps, int64_t row, int64_t column)
{
    int64_t width = last(x);
    const real *from = x.data + row * width;
    double mean = 0, variance = 0;
    for (int64_t j = 0; j < width; j++) mean += from[j] / (double)width;
    for (int64_t j = 0; j < width; j++) variance += (from[j] - mean) * (from[j] - mean) / (double)width;
    return (from[column] - mean) / sqrt(variance + eps) * w.data[column] + b.data[column];
}

START_TEST(layer_normed_rows)
{
    int64_t width = widths[_i];
    Tensor x = random_values(3, 2, width), w = random_values(width), b = random_values(width);
    Array weight = array_of(w), bias = array_of(b);
    for (int e = 0; e < COUNT(epsilons); e++) {
        Tensor y = layer_norm(x, &weight, &bias, epsilons[e], run_as(ROUNDING_NONE));
        ck_assert_int_eq(y.rank, 3);
        for (int64_t i = 0; i < elements(x); i++)
            assert_near(y.data[i], expected_layer(x, w, b, epsilons[e], i / width, i % width), 4 * CLOSE, "normed", i);
    }
}
END_TEST

/* Far from 0, E(x^2) - E(x)^2 would leave nothing of the variance. */
START_TEST(variance_around_the_mean)
{
    Array weight = array_of(values(1, 1, 1, 1)), bias = array_of(values(0, 0, 0, 0));
    Tensor y = layer_norm(values(4097, 4099, 4097, 4099), &weight, &bias, 0, run_as(ROUNDING_NONE));
    for (int i = 0; i < 4; i++) assert_near(y.data[i], i % 2 ? 1 : -1, CLOSE, "normed", i);
}
END_TEST

START_TEST(constant_rows_become_the_bias)
{
    Array weight = array_of(values(2, 2)), bias = array_of(values((real)0.25, -3));
    Tensor y = layer_norm(values(5, 5), &weight, &bias, 1e-5, run_as(ROUNDING_NONE));
    ck_assert_double_eq(y.data[0], 0.25);
    ck_assert_double_eq(y.data[1], -3);
}
END_TEST

START_TEST(layer_norm_without_bias)
{
    Tensor x = random_values(3, 7), w = random_values(7), none = new_tensor(run_as(ROUNDING_NONE), 7);
    memset(none.data, 0, 7 * sizeof *none.data);
    Array weight = array_of(w);
    Tensor y = layer_norm(x, &weight, NULL, 1e-6, run_as(ROUNDING_NONE));
    for (int64_t i = 0; i < elements(x); i++)
        assert_near(y.data[i], expected_layer(x, w, none, 1e-6, i / 7, i % 7), 4 * CLOSE, "normed", i);
}
END_TEST

/* The result alone is rounded, and weight and bias as they are read. Here x is normed to -1, 1. */
START_TEST(layer_rounded_once)
{
    Array weight = array_of(values((real)0x1.03p0, (real)0x1.03p0)), bias = array_of(values(0, (real)0x1.02p-9));
    Run *results = run_as(ROUNDING_BF16), *weights = run_as(ROUNDING_BF16);
    results->weights = weights->rounding = ROUNDING_NONE;
    Tensor x = values(2, 4);
    assert_near(layer_norm(x, &weight, &bias, 0, results).data[1], 0x1.04p0, 0, "rounded result", 1);
    assert_near(layer_norm(x, &weight, &bias, 0, weights).data[1], 0x1.04p0 + 0x1.02p-9, CLOSE, "rounded weights", 1);
    assert_near(layer_norm(x, &weight, &bias, 0, run_as(ROUNDING_NONE)).data[1], 0x1.03p0 + 0x1.02p-9, CLOSE, "plain",
                1);
}
END_TEST

Suite *norm_suite(void)
{
    Suite *suite = suite_create("norm");
    TCase *tcase = theme(suite, "rms_norm");
    tcase_add_loop_test(tcase, normed_rows, 0, COUNT(widths));
    tcase_add_test(tcase, zeros_stay_zero);
    tcase_add_test(tcase, nan_fills_its_own_row);
    tcase_add_test(tcase, rounded_once);
    tcase = theme(suite, "layer_norm");
    tcase_add_loop_test(tcase, layer_normed_rows, 0, COUNT(widths));
    tcase_add_test(tcase, variance_around_the_mean);
    tcase_add_test(tcase, constant_rows_become_the_bias);
    tcase_add_test(tcase, layer_norm_without_bias);
    tcase_add_test(tcase, layer_rounded_once);
    return suite;
}
