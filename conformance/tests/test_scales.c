/* test_scales.c - sums and scales of two rows of three channels, by hand */
#include "noise/scales.h"
#include "noise/step_conclusion.h"

#include "dumps.h"

enum { ROWS = 2, WIDTH = 3 };

static const double expected[ROWS][WIDTH] = { { 1, -2, 3 }, { 2, 4, -6 } };
static const double found[ROWS][WIDTH] = { { 1.5, -2, 3 }, { 2, 3, -6 } };
/* Without a rounding that would be a floor */
static const ArithmeticClass exact = { .random_over_nearest = 2,
                                       .limits = { .ratio = 2, .row = 8, .channel = 5, .element = 8, .bias = 0.5 } };
static const ArithmeticClass coarse = { .random_over_nearest = 2, .output_rounding = 0.5 };

/* Replays deviate by nearest + row, and by so much along each value's sign where they round at random. */
static StepSums step_sums_after(const ArithmeticClass *class, double nearest, double at_random, int samples, Step *step)
{
    static real stored[ROWS * WIDTH];
    static Array array;
    for (int i = 0; i < ROWS * WIDTH; i++) stored[i] = (real)found[i / WIDTH][i % WIDTH];
    array = (Array){ .dtype = REAL_DTYPE, .rank = 2, .shape = { ROWS, WIDTH }, .data = (const unsigned char *)stored };
    RowMap row_map = { { 1, 1, ROWS, 1, 0 }, ROWS, WIDTH };
    StepSums sums = step_sums_new(row_map, &array, false, false);
    *step = (Step){ .rank = 2, .shape = { ROWS, WIDTH }, .worst_row = -1, .worst_channel = -1, .worst_element = -1 };
    for (int64_t row = 0; row < ROWS; row++) {
        double replay[WIDTH];
        for (int j = 0; j < WIDTH; j++) replay[j] = expected[row][j] + nearest * (double)(1 + row);
        step_sums_keep_replay(&sums, row, replay);
        step_sums_measure(&sums, step, row, expected[row], found[row]);
    }
    step_sums_end_replay(&sums);
    for (int sample = 1; sample < samples; sample++) {
        for (int64_t row = 0; row < ROWS; row++) {
            double replay[WIDTH];
            for (int j = 0; j < WIDTH; j++) replay[j] = expected[row][j] + at_random * (double)(1 + row);
            step_sums_add_replay(&sums, class, row, replay, found[row]);
        }
        step_sums_end_replay(&sums);
    }
    step_sums_conclude(&sums, class, step);
    return sums;
}

/* Deviations of 1 and 2, the same in every replay, once those at random are halved: nothing to pool */
START_TEST(scales_of_like_samples)
{
    Step step;
    StepSums sums = step_sums_after(&exact, 1, sqrt(2), 8, &step);
    ck_assert_int_eq(sums.samples, 8);
    assert_near(scale_of_tap(&sums, &exact), 3 + 12, 1e-5, "tap", 0);
    assert_near(scale_of_row(&sums, &exact, 1), fmax(12, (8 * 12 + 8 * 15 * 56.0 / 70) / 16), 1e-5, "row", 1);
    for (int j = 0; j < WIDTH; j++) ck_assert_double_ge(scale_of_channel(&sums, &exact, j), 5 - 1e-5);
    for (int row = 0; row < ROWS; row++)
        for (int j = 0; j < WIDTH; j++) {
            double least = (1 + row) * (1 + row) - 1e-5;
            ck_assert_double_ge(scale_of_element(&sums, &exact, row, j, expected[row][j]), least);
            ck_assert_double_ge(noise_of_element(&sums, &exact, row, j, expected[row][j]), least);
        }
    assert_near(step.ratio, sqrt((0.25 + 1) / 15), 1e-6, "ratio", 0);
    ck_assert_int_eq(step.worst_row, 0); /* 0.5 beside 1.7 in row 0, 1 beside 3.5 in row 1 */
    ck_assert_int_eq(step.worst_channel, 1);
    ck_assert_int_eq(step.worst_element, 0 * WIDTH + 0);
    assert_near(step.worst_found, 1.5, 0, "found", 0);
    assert_near(step.worst_expected, 1, 1e-7, "expected", 0);
    step_sums_free(&sums);
}
END_TEST

/* 0.5 along the sign of 1, 1 against that of 4; replays, 1 along each of + - + and 2 along each of + + - */
START_TEST(biases)
{
    Step step;
    StepSums sums = step_sums_after(&exact, 1, sqrt(2), 8, &step);
    double scales = 0;
    for (int row = 0; row < ROWS; row++)
        for (int j = 0; j < WIDTH; j++) scales += sqrt(noise_of_element(&sums, &exact, row, j, expected[row][j]));
    assert_near(step.bias, -0.5 / scales, 1e-6, "bias", 0);
    assert_near(step.honest_bias, 3 / scales, 1e-6, "honest bias", 0);
    step_sums_free(&sums);
}
END_TEST

/* One sample that is exact by luck has a scale all the same: from the rest of the tap, and from rounding. */
START_TEST(luck_is_no_scale)
{
    Step step;
    StepSums sums = step_sums_after(&exact, 0, 0, 1, &step);
    ck_assert(isinf(step.ratio) && isinf(step.worst_element_ratio) && isinf(step.worst_channel_ratio));
    ck_assert_int_eq(step.verdict, VERDICT_FAIL);
    step_sums_free(&sums);

    sums = step_sums_after(&coarse, 0, 0, 1, &step);
    assert_near(scale_of_tap(&sums, &coarse), 0.25 * 70, 1e-9, "tap", 0);
    assert_near(scale_of_row(&sums, &coarse, 0), 0.25 * 14, 1e-9, "row", 0);
    for (int row = 0; row < ROWS; row++)
        for (int j = 0; j < WIDTH; j++) {
            double least = pow(0.5 * expected[row][j], 2);
            ck_assert_double_gt(scale_of_element(&sums, &coarse, row, j, expected[row][j]), least);
            ck_assert_double_gt(noise_of_element(&sums, &coarse, row, j, expected[row][j]), least);
        }
    for (int j = 0; j < WIDTH; j++)
        ck_assert_double_gt(scale_of_channel(&sums, &coarse, j), 0.25 * sums.column_norm[j]);
    step_sums_free(&sums);
}
END_TEST

/* Mean sizes: 2 and 4 of the rows; 1.5, 3 and 4.5 of the channels, 3 of all. A channel's own counts for 2 samples
 * beside 8 of all, so the typical size of row 0 in channel 0 is 2/3 times 2.7. */
static const double typical_size = 2.0 / 3 * 2.7;

/* An element that is 0 may be a sum of partial sums of twice the typical size, each of them rounded; so may those of
 * its channel, whose rows are typically 2/3 and 4/3 of the mean. */
START_TEST(partial_sums)
{
    Step step;
    StepSums sums = step_sums_after(&coarse, 0, 0, 1, &step);
    assert_near(scale_of_element(&sums, &coarse, 0, 0, 0), 0.25 * pow(2 * typical_size, 2), 1e-9, "element", 0);
    double channel = 1 + 4 + pow(2 * 2.7, 2) * (4 + 16) / 9;
    assert_near(scale_of_channel(&sums, &coarse, 0), 0.25 * channel, 1e-9, "channel", 0);
    step_sums_free(&sums);
}
END_TEST

/* However small an element is, a tenth of its typical size is rounded where it is made. */
START_TEST(small)
{
    Step step;
    StepSums sums = step_sums_after(&coarse, 0, 0, 1, &step);
    assert_near(noise_of_element(&sums, &coarse, 0, 0, 0), 0.25 * pow(0.1 * typical_size, 2), 1e-9, "noise", 0);
    step_sums_free(&sums);
}
END_TEST

/* A replay that is not finite is no reason to let anything pass, nor to let everything fail. */
START_TEST(overflow_in_a_replay)
{
    Step step;
    StepSums sums = step_sums_after(&exact, 1, INFINITY, 2, &step);
    ck_assert(isfinite(step.ratio) && step.ratio > 0);
    ck_assert(isfinite(step.worst_element_ratio) && isfinite(step.bias));
    step_sums_free(&sums);
}
END_TEST

Suite *scales_suite(void)
{
    Suite *suite = suite_create("scales");
    TCase *tcase = theme(suite, "by hand");
    tcase_add_test(tcase, scales_of_like_samples);
    tcase_add_test(tcase, biases);
    tcase_add_test(tcase, luck_is_no_scale);
    tcase_add_test(tcase, partial_sums);
    tcase_add_test(tcase, small);
    tcase_add_test(tcase, overflow_in_a_replay);
    return suite;
}
