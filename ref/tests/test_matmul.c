/* test_matmul.c - against naive loops, summed in double */
#include "helpers.h"
#include "nn/nn.h"
#include "run/threads.h"

static double naive(Matrix a, int64_t i, Matrix b, int64_t j, bool transposed)
{
    double sum = 0;
    for (int64_t k = 0; k < a.columns; k++)
        sum += (double)a.data[i * a.stride + k] * b.data[transposed ? j * b.stride + k : k * b.stride + j];
    return sum;
}

static void assert_product(Matrix out, Matrix a, Matrix b, bool transposed, double scale)
{
    for (int64_t i = 0; i < out.rows; i++)
        for (int64_t j = 0; j < out.columns; j++)
            assert_near(out.data[i * out.stride + j], scale * naive(a, i, b, j, transposed),
                        CLOSE * sqrt((double)a.columns), "product", i * out.columns + j);
}

/* Columns 1 .. width of a wider matrix, whose other elements are `around`. */
static Matrix within(int64_t height, int64_t width, real around)
{
    Tensor whole = random_values(height, width + 3);
    for (int64_t i = 0; i < height; i++)
        for (int64_t j = 0; j < width + 3; j++)
            if (j < 1 || j > width) whole.data[i * (width + 3) + j] = around;
    return (Matrix){ whole.data + 1, height, width, width + 3 };
}

static void assert_untouched(Matrix m, real around)
{
    for (int64_t i = 0; i < m.rows; i++) {
        assert_near(m.data[i * m.stride - 1], around, 0, "left of row", i);
        assert_near(m.data[i * m.stride + m.columns], around, 0, "right of row", i);
    }
}

static const struct {
    int64_t m, n, k;
} sizes[] = { { 1, 1, 1 }, { 5, 7, 3 }, { 64, 33, 128 }, { 1, 40, 17 }, { 40, 1, 17 }, { 0, 4, 4 }, { 4, 0, 4 } };

START_TEST(strided_product)
{
    int64_t m = sizes[_i].m, n = sizes[_i].n, k = sizes[_i].k;
    for (int transposed = 0; transposed < 2; transposed++) {
        Matrix a = within(m, k, NAN), b = transposed ? within(n, k, NAN) : within(k, n, NAN), out = within(m, n, 9);
        double scale = transposed ? -0.5 : 1;
        if (transposed)
            matmul_transposed(out, a, b, scale, run_as(ROUNDING_NONE));
        else
            matmul(out, a, b, run_as(ROUNDING_NONE));
        assert_product(out, a, b, transposed, scale);
        assert_untouched(out, 9);
    }
}
END_TEST

START_TEST(parts_of_tensors)
{
    Tensor tensor = random_values(2, 3, 4, 5);
    Matrix whole = matrix(tensor), some = matrix_rows(whole, 7, 2), one = matrix_of(tensor, 1, 2);
    ck_assert_int_eq(whole.rows, 24);
    ck_assert_int_eq(whole.columns, 5);
    ck_assert_ptr_eq(some.data, tensor.data + 35);
    ck_assert_int_eq(some.rows, 2);
    ck_assert_ptr_eq(one.data, tensor.data + 5 * 4 * 5);
    ck_assert_int_eq(one.rows, 4);
    ck_assert_int_eq(one.stride, 5);
}
END_TEST

START_TEST(result_is_rounded)
{
    real result;
    Matrix a = matrix(view(values(1, 1), 1, 2)), b = matrix(view(values(1, (real)0x1p-8), 1, 2));
    matmul_transposed((Matrix){ &result, 1, 1, 1 }, a, b, 1, run_as(ROUNDING_BF16));
    ck_assert_double_eq(result, 1);
    matmul_transposed((Matrix){ &result, 1, 1, 1 }, a, b, 1, run_as(ROUNDING_NONE));
    ck_assert_double_eq(result, 0x1.01p0);
}
END_TEST

/* Both factors lose their last bits; the sum of the products keeps all of its own. The caller's factors stay. */
START_TEST(tf32_rounds_both_factors)
{
    const real fine = (real)0x1.002p0;
    real result;
    Matrix a = matrix(view(values(fine, (real)0x1p-13), 1, 2)), b = matrix(view(values(fine, 1), 1, 2));
    matmul_transposed((Matrix){ &result, 1, 1, 1 }, a, b, 1, run_as(ROUNDING_TF32));
    ck_assert_double_eq(result, 1 + 0x1p-13);
    ck_assert_double_eq(a.data[0], fine);
    ck_assert_double_eq(b.data[0], fine);
}
END_TEST

/* The last is larger than one block of widened weights, and its blocks are not equal. */
static const struct {
    int64_t x[3], out_features;
} layers[] = { { { 2, 3, 16 }, 24 }, { { 0, 3, 16 }, 24 }, { { 1, 1, 1 }, 1 }, { { 1, 2, 4096 }, 2500 } };

START_TEST(linear_layer)
{
    Tensor x = tensor_new(run_as(ROUNDING_NONE), 3, layers[_i].x);
    int64_t in_features = last(x), out_features = layers[_i].out_features;
    x = random_tensor(3, layers[_i].x);
    Tensor w = random_values(out_features, in_features);
    Array weight = array_of(w);
    Tensor y = linear(x, &weight, NULL, run_as(ROUNDING_NONE));
    ck_assert_int_eq(y.rank, 3);
    ck_assert_int_eq(y.shape[0], x.shape[0]);
    ck_assert_int_eq(y.shape[1], x.shape[1]);
    ck_assert_int_eq(y.shape[2], out_features);
    assert_product(matrix(y), matrix(x), matrix(w), true, 1);
}
END_TEST

START_TEST(linear_rounds_weight_and_result)
{
    Run *run = run_as(ROUNDING_BF16);
    Array weight = array_of(view(values((real)0x1.01p0, (real)0x1p-9), 1, 2));
    ck_assert_double_eq(linear(view(values(1, 1), 1, 2), &weight, NULL, run).data[0], 1);
    run->rounding = ROUNDING_NONE;
    ck_assert_double_eq(linear(view(values(1, 1), 1, 2), &weight, NULL, run).data[0], 1 + 0x1p-9);
}
END_TEST

/* A bfloat16 weight at an odd address, and few rows of x: read as it lies, in lanes and what is left over */
static const int64_t in_features[] = { 1, 15, 63, 64, 65, 127, 128, 200 };

START_TEST(bf16_weight)
{
    enum { OUT = 5, MOST_ROWS = 6, MOST_IN = 200 };
    int64_t in = in_features[_i];
    unsigned char bytes[1 + 2 * OUT * MOST_IN];
    Array weight = {
        .file = "memory", .name = "weight", .dtype = DTYPE_BF16, .rank = 2, .shape = { OUT, in }, .data = bytes + 1
    };
    Tensor w = to_dtype_(random_values(OUT, in), run_as(ROUNDING_BF16));
    for (int64_t i = 0; i < OUT * in; i++) {
        float value = (float)w.data[i];
        memcpy(bytes + 1 + 2 * i, (const unsigned char *)&value + 2, 2);
    }
    for (int64_t count = 0; count <= MOST_ROWS; count++) {
        Tensor x = random_values(count, in);
        assert_product(matrix(linear(x, &weight, NULL, run_as(ROUNDING_NONE))), matrix(x), matrix(w), true, 1);
    }
}
END_TEST

/* A value below float16's numbers is 0 in a float16 backend, and tf32 rounds x: in one row as in many. */
START_TEST(bf16_weight_in_another_class)
{
    const uint16_t tiny = 0x0f80, one = 0x3f80; /* 2^-96, and 1 */
    Array weight = { .dtype = DTYPE_BF16, .rank = 2, .shape = { 1, 1 }, .data = (const unsigned char *)&tiny };
    for (int64_t count = 1; count < 7; count++) {
        Tensor x = scale_(masked_fill(random_values(count, 1), (bool[]){ 1, 1, 1, 1, 1, 1 }, 1, run_as(ROUNDING_NONE)),
                          0x1.002p0, run_as(ROUNDING_NONE));
        weight.data = (const unsigned char *)&tiny;
        Run *run = run_as(ROUNDING_NONE);
        ck_assert_double_gt(linear(x, &weight, NULL, run).data[count - 1], 0);
        run->weights = ROUNDING_FP16;
        ck_assert_double_eq(linear(x, &weight, NULL, run).data[count - 1], 0);
        weight.data = (const unsigned char *)&one;
        ck_assert_double_eq(linear(x, &weight, NULL, run_as(ROUNDING_TF32)).data[count - 1], 1);
        ck_assert_double_eq(linear(x, &weight, NULL, run_as(ROUNDING_BF16)).data[count - 1], 1);
        ck_assert_double_eq(linear(x, &weight, NULL, run_as(ROUNDING_NONE)).data[count - 1], (real)0x1.002p0);
    }
}
END_TEST

START_TEST(bias_is_added_to_every_row)
{
    Tensor x = random_values(2, 3, 16), w = random_values(5, 16), b = random_values(5);
    Array weight = array_of(w), bias = array_of(b);
    Tensor y = linear(x, &weight, &bias, run_as(ROUNDING_NONE));
    for (int64_t i = 0; i < rows(y); i++)
        for (int64_t j = 0; j < 5; j++)
            assert_near(y.data[i * 5 + j], b.data[j] + naive(matrix(x), i, matrix(w), j, true), 4 * CLOSE, "sum", i);
}
END_TEST

/* torch rounds the sum once: 1 + 2^-9 + 2^-8 is 1 + 2^-7; rounded in between, it would be 1. The bias is a weight, and
 * is rounded as one. */
START_TEST(bias_is_rounded_with_the_result)
{
    Run *run = run_as(ROUNDING_BF16);
    Array weight = array_of(view(values(1, 1), 1, 2)), bias = array_of(values((real)0x1.01p-8));
    ck_assert_double_eq(linear(view(values(1, (real)0x1p-9), 1, 2), &weight, &bias, run).data[0], 1 + 0x1p-7);
    run->rounding = ROUNDING_NONE;
    ck_assert_double_eq(linear(view(values(1, 0), 1, 2), &weight, &bias, run).data[0], 1 + 0x1p-8);
}
END_TEST

START_TEST(two_threads)
{
    threads_set(2);
    Matrix a = matrix(random_values(200, 100)), b = matrix(random_values(150, 100)),
           out = matrix(random_values(200, 150));
    matmul_transposed(out, a, b, 1, run_as(ROUNDING_NONE));
    threads_set(1);
    assert_product(out, a, b, true, 1);
}
END_TEST

Suite *matmul_suite(void)
{
    Suite *suite = suite_create("matmul");
    TCase *tcase = theme(suite, "product");
    tcase_add_loop_test(tcase, strided_product, 0, COUNT(sizes));
    tcase_add_test(tcase, parts_of_tensors);
    tcase_add_test(tcase, two_threads);
    tcase = theme(suite, "rounding");
    tcase_add_test(tcase, result_is_rounded);
    tcase_add_test(tcase, tf32_rounds_both_factors);
    tcase_add_test(tcase, linear_rounds_weight_and_result);
    tcase_add_test(tcase, bias_is_rounded_with_the_result);
    tcase = theme(suite, "linear");
    tcase_add_loop_test(tcase, linear_layer, 0, COUNT(layers));
    tcase_add_test(tcase, bias_is_added_to_every_row);
    tcase_add_loop_test(tcase, bf16_weight, 0, COUNT(in_features));
    tcase_add_test(tcase, bf16_weight_in_another_class);
    return suite;
}
