/* test_convolution.c - conv2d and the depthwise conv1d against their definitions in double */
#include "helpers.h"
#include "nn/nn.h"

/* Returns an element of x [.., height, width], 0 beyond the edges. */
static double at(const Tensor *x, int64_t plane, int64_t i, int64_t j)
{
    int64_t height = x->shape[2], width = x->shape[3];
    return i < 0 || i >= height || j < 0 || j >= width ? 0 : (double)x->data[(plane * height + i) * width + j];
}

static double expected_2d(Tensor x, Tensor w, const int64_t place[4], int stride, int padding)
{
    double sum = 0;
    for (int64_t c = 0; c < x.shape[1]; c++)
        for (int64_t i = 0; i < w.shape[2]; i++)
            for (int64_t j = 0; j < w.shape[3]; j++)
                sum += at(&x, place[0] * x.shape[1] + c, place[2] * stride + i - padding,
                          place[3] * stride + j - padding) *
                       at(&w, place[1] * x.shape[1] + c, i, j);
    return sum;
}

static const struct {
    int64_t batch, in, height, width, out, kernel;
    int stride, padding;
} sizes[] = {
    { 1, 1, 1, 1, 1, 3, 2, 1 }, { 2, 1, 7, 8, 5, 3, 2, 1 },    { 2, 4, 6, 5, 3, 3, 2, 1 },
    { 1, 3, 5, 4, 2, 2, 1, 0 }, { 1, 96, 64, 40, 2, 3, 2, 1 }, /* more patches than one block holds */
};

START_TEST(conv2d_of_each_place)
{
    Tensor x = random_values(sizes[_i].batch, sizes[_i].in, sizes[_i].height, sizes[_i].width);
    Tensor w = random_values(sizes[_i].out, sizes[_i].in, sizes[_i].kernel, sizes[_i].kernel);
    Array weight = array_of(w);
    Tensor y = conv2d(x, &weight, sizes[_i].stride, sizes[_i].padding, run_as(ROUNDING_NONE));
    int64_t height = (sizes[_i].height + 2 * sizes[_i].padding - sizes[_i].kernel) / sizes[_i].stride + 1;
    ck_assert_int_eq(y.rank, 4);
    ck_assert_int_eq(y.shape[1], sizes[_i].out);
    ck_assert_int_eq(y.shape[2], height);
    for (int64_t i = 0; i < elements(y); i++) {
        int64_t place[] = { i / (y.shape[1] * y.shape[2] * y.shape[3]), i / (y.shape[2] * y.shape[3]) % y.shape[1],
                            i / y.shape[3] % y.shape[2], i % y.shape[3] };
        assert_near(y.data[i], expected_2d(x, w, place, sizes[_i].stride, sizes[_i].padding),
                    CLOSE * (double)(sizes[_i].in * 9), "conv2d", i);
    }
}
END_TEST

START_TEST(conv2d_rounds_its_result)
{
    Array weight = array_of(view(values(1, (real)0x1p-8), 1, 2, 1, 1));
    Tensor x = view(values(1, (real)1.5), 1, 2, 1, 1);
    ck_assert_double_eq(conv2d(x, &weight, 1, 0, run_as(ROUNDING_NONE)).data[0], 1 + 0x1.8p-8);
    ck_assert_double_eq(conv2d(x, &weight, 1, 0, run_as(ROUNDING_BF16)).data[0], 1 + 0x1p-7);
}
END_TEST

/* ggml's im2col makes float16 of both factors, whatever the model's dtype. */
START_TEST(conv2d_of_float16_factors)
{
    Array weight = array_of(view(values(1 + (real)0x1.8p-10), 1, 1, 1, 1));
    Tensor x = view(values(1 - (real)0x1p-12), 1, 1, 1, 1);
    Run *run = run_as(ROUNDING_NONE);
    run->features = FEATURE_CONV_F16;
    ck_assert_double_eq(conv2d(x, &weight, 1, 0, run).data[0], 1 + 0x1p-9);
}
END_TEST

static const struct {
    int64_t batch, channels, length, kernel;
    int left_pad;
} rows_of[] = { { 1, 1, 1, 1, 0 }, { 2, 3, 9, 5, 4 }, { 1, 4, 3, 5, 4 }, { 2, 2, 8, 3, 0 }, { 1, 2, 1, 4, 3 } };

START_TEST(conv1d_of_each_channel)
{
    int64_t channels = rows_of[_i].channels, length = rows_of[_i].length, size = rows_of[_i].kernel;
    Tensor x = random_values(rows_of[_i].batch, channels, length), w = random_values(channels, 1, size);
    Array weight = array_of(w);
    Tensor y = depthwise_conv1d(x, &weight, rows_of[_i].left_pad, run_as(ROUNDING_NONE));
    int64_t out_length = length + rows_of[_i].left_pad - size + 1;
    ck_assert_int_eq(y.rank, 3);
    ck_assert_int_eq(last(y), out_length);
    for (int64_t i = 0; i < elements(y); i++) {
        int64_t row = i / out_length;
        double sum = 0;
        for (int64_t k = 0; k < size; k++) {
            int64_t t = i % out_length + k - rows_of[_i].left_pad;
            if (t >= 0) sum += (double)x.data[row * length + t] * (double)w.data[row % channels * size + k];
        }
        assert_near(y.data[i], sum, 4 * CLOSE, "conv1d", i);
    }
}
END_TEST

START_TEST(conv1d_rounds_once)
{
    Array weight = array_of(view(values((real)0x1p-8, (real)0x1p-8, 1), 1, 1, 3));
    Tensor x = view(values(1, 1, 1), 1, 1, 3);
    ck_assert_double_eq(depthwise_conv1d(x, &weight, 2, run_as(ROUNDING_BF16)).data[2], 1 + 0x1p-7);
}
END_TEST

Suite *convolution_suite(void)
{
    Suite *suite = suite_create("convolution");
    TCase *tcase = theme(suite, "conv2d");
    tcase_add_loop_test(tcase, conv2d_of_each_place, 0, COUNT(sizes));
    tcase_add_test(tcase, conv2d_rounds_its_result);
    tcase_add_test(tcase, conv2d_of_float16_factors);
    tcase = theme(suite, "depthwise_conv1d");
    tcase_add_loop_test(tcase, conv1d_of_each_channel, 0, COUNT(rows_of));
    tcase_add_test(tcase, conv1d_rounds_once);
    return suite;
}
