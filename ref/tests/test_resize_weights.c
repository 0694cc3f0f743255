/* test_resize_weights.c - the kernel in whole numbers */
#include "pictures.h"

#include "image/resize.h"

static ResizeWeights weights(int from, int to, ResizeFlavour flavour)
{
    return resize_weights(from, to, flavour, &scratch);
}

/* Halving: eight taps around the center, at odd quarters of the kernel, that sum to 2 before they sum to 1. */
START_TEST(half)
{
    ResizeWeights w = weights(100, 50, RESIZE_PIL);
    ck_assert_int_eq(w.precision, 22);
    ck_assert_int_eq(w.most, 9);
    ck_assert_int_eq(w.first[20], 37);
    ck_assert_int_eq(w.count[20], 8);
    double sum = 0;
    for (int j = 0; j < 8; j++) {
        double x = fabs(j - 3.5) / 2;
        double kernel = x < 1 ? (1.5 * x - 2.5) * x * x + 1 : ((-0.5 * x + 2.5) * x - 4) * x + 2;
        ck_assert_int_eq(w.weights[20 * w.most + j], lround(kernel / 2 * (1 << 22)));
        sum += w.weights[20 * w.most + j];
    }
    ck_assert_double_eq(sum, 1 << 22);
}
END_TEST

/* A larger picture: four taps at the kernel's own width, whatever the factor. */
START_TEST(no_widening_upwards)
{
    ResizeWeights w = weights(10, 40, RESIZE_TORCHVISION);
    ck_assert_int_eq(w.most, 5);
    for (int i = 8; i < 32; i++) ck_assert_int_le(w.count[i], 4);
    ck_assert_int_eq(w.first[0], 0);
    ck_assert_int_eq(w.first[39] + w.count[39], 10);
}
END_TEST

/* The most bits with which the largest weight fits into 16. */
static const struct {
    int from, to, precision;
} precisions[] = {
    { 10, 10, 14 }, { 10, 40, 14 }, { 100, 50, 16 }, { 1000, 10, 21 }, { 100000, 10, 22 }, { 1, 5, 14 }
};

START_TEST(torch_precision)
{
    ResizeWeights w = weights(precisions[_i].from, precisions[_i].to, RESIZE_TORCHVISION);
    int largest = 0;
    for (int i = 0; i < w.length; i++)
        for (int j = 0; j < w.count[i]; j++)
            if (w.weights[i * w.most + j] > largest) largest = w.weights[i * w.most + j];
    ck_assert_int_eq(w.precision, precisions[_i].precision);
    ck_assert_int_lt(largest, 1 << 15);
    if (w.precision < 22) ck_assert_int_ge(2 * largest + 1, 1 << 15);
}
END_TEST

/* Edges: within the old line, in order, and at least one. */
START_TEST(within_the_line)
{
    for (int from = 1; from < 70; from += 3)
        for (int to = 1; to < 70; to += 3) {
            ResizeWeights w = weights(from, to, RESIZE_PIL);
            for (int i = 0; i < to; i++) {
                bool right = w.count[i] >= 1 && w.count[i] <= w.most && w.first[i] >= 0 &&
                             w.first[i] + w.count[i] <= from && (i == 0 || w.first[i] >= w.first[i - 1]);
                if (!right) ck_abort_msg("%d to %d: pixel %d takes %d from %d", from, to, i, w.count[i], w.first[i]);
            }
        }
}
END_TEST

Suite *resize_weights_suite(void)
{
    Suite *suite = suite_create("resize_weights");
    TCase *tcase = theme(suite, "kernel");
    tcase_add_test(tcase, half);
    tcase_add_test(tcase, no_widening_upwards);
    tcase_add_loop_test(tcase, torch_precision, 0, COUNT(precisions));
    tcase_add_test(tcase, within_the_line);
    return suite;
}
