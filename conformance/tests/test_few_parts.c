/* test_few_parts.c - wholes whose noise is that of few of their parts, as under an attention mask */
#include "noise/step_conclusion.h"

#include "dumps.h"

enum { ROWS = 30, WIDTH = 4, REPLAYS = 8 };

/* The rows' noise, and what each element is off by */
typedef struct {
    double expected[ROWS][WIDTH], noise[ROWS][WIDTH], off[ROWS][WIDTH];
} Values;

/* bfloat16's limits, without its rounding for a floor */
static const ArithmeticClass class = { .random_over_nearest = 2,
                                       .limits = { .ratio = 2, .row = 8, .channel = 5, .element = 8, .bias = 100 } };

/* Replays deviate by the noise, to either side in turn. */
static Step grade_as(const Values *tap, const ArithmeticClass *class)
{
    static real found[ROWS * WIDTH];
    for (int i = 0; i < ROWS * WIDTH; i++)
        found[i] = (real)(tap->expected[i / WIDTH][i % WIDTH] + tap->off[i / WIDTH][i % WIDTH]);
    Array array = { .dtype = REAL_DTYPE, .rank = 2, .shape = { ROWS, WIDTH }, .data = (const unsigned char *)found };
    RowMap row_map = { { 1, 1, ROWS, 1, 0 }, ROWS, WIDTH };
    StepSums sums = step_sums_new(row_map, &array, false, false);
    Step step = { .rank = 2, .shape = { ROWS, WIDTH }, .worst_row = -1, .worst_channel = -1, .worst_element = -1 };
    for (int replay = 0; replay < REPLAYS; replay++) {
        double side = (replay % 2 ? -1 : 1) * (replay ? sqrt(2) : 1);
        for (int row = 0; row < ROWS; row++) {
            double values[WIDTH];
            for (int j = 0; j < WIDTH; j++) values[j] = tap->expected[row][j] + side * tap->noise[row][j];
            double row_found[WIDTH];
            step_sums_read_found(&sums, row, row_found);
            if (replay == 0) step_sums_keep_replay(&sums, row, values);
            if (replay == 0) step_sums_measure(&sums, &step, row, tap->expected[row], row_found);
            if (replay > 0) step_sums_add_replay(&sums, class, row, values, row_found);
        }
        step_sums_end_replay(&sums);
    }
    step_sums_conclude(&sums, class, &step);
    step_sums_free(&sums);
    return step;
}

static Step grade(const Values *tap) { return grade_as(tap, &class); }

/* Each query looks at one key, but for the last one, which looks at two alike: one rounding of its logits moves both
 * weights, and is all the noise that these keys' channels have. */
static Values two_keys(double times)
{
    Values tap = { .noise = { { 0 } } };
    for (int row = 0; row < ROWS - 1; row++) {
        tap.expected[row][row % 2] = 1;
        tap.noise[row][row % 2] = 1e-3;
    }
    for (int j = 2; j < WIDTH; j++) {
        double side = j == 2 ? 1 : -1;
        tap.expected[ROWS - 1][j] = 0.5;
        tap.noise[ROWS - 1][j] = side * 1e-3;
        tap.off[ROWS - 1][j] = side * times * 1e-3;
    }
    return tap;
}

/* An element may stand at 8, and so may a channel that is one element: 30 rows are none the more for being masked. */
START_TEST(a_masked_channel_is_few_elements)
{
    Values tap = two_keys(5.5);
    Step step = grade(&tap);
    ck_assert_int_ge(step.worst_channel, 2);
    ck_assert_double_gt(step.worst_channel_ratio, class.limits.channel);
    ck_assert_int_eq(step.verdict, VERDICT_PASS);
    tap = two_keys(12);
    ck_assert_int_eq(grade(&tap).verdict, VERDICT_FAIL);
}
END_TEST

/* A channel in which every element is as far off is none of few. */
START_TEST(a_whole_channel_is_many_elements)
{
    Values tap = { .off = { { 0 } } };
    for (int i = 0; i < ROWS * WIDTH; i++) {
        tap.expected[i / WIDTH][i % WIDTH] = 1;
        tap.noise[i / WIDTH][i % WIDTH] = 1e-3;
        if (i % WIDTH == 1) tap.off[i / WIDTH][i % WIDTH] = (i / WIDTH % 2 ? 1 : -1) * 5.2e-3;
    }
    Step step = grade(&tap);
    Measurement m = step_measurement(&step);
    ck_assert_int_eq(step.worst_channel, 1);
    ck_assert_double_gt(measurement_at(&m, GATE_CHANNEL), limit_of(&class, &m, GATE_CHANNEL));
}
END_TEST

/* Channel 0 has half of its noise in one element and is beyond its limit by the others. Channel 1 has more besides its
 * own largest element, but within what so few rows may have. */
START_TEST(one_channel_does_not_hide_another)
{
    const ArithmeticClass wide = { .random_over_nearest = 2,
                                   .limits = { .ratio = 1e3, .row = 1e3, .channel = 15, .element = 100, .bias = 1e6 } };
    Values tap = { .off = { { 0 } } };
    for (int row = 0; row < ROWS; row++)
        for (int j = 0; j < WIDTH; j++) {
            double share = row || j ? 1 : sqrt(ROWS - 1), times = j == 0 ? (row ? 22.5 : 99) : j == 1 ? 17.9 : 1;
            tap.expected[row][j] = 1;
            tap.noise[row][j] = share * 1e-3;
            tap.off[row][j] = (row % 2 ? 1 : -1) * times * share * 1e-3;
        }
    Step step = grade_as(&tap, &wide);
    ck_assert_int_eq(step.worst_channel, 0);
    ck_assert_int_eq(step.verdict, VERDICT_FAIL);
}
END_TEST

/* One row has a tenth of the noise. */
static Values one_large_row(double of_that_row, double of_the_others)
{
    Values tap = { .off = { { 0 } } };
    for (int i = 0; i < ROWS * WIDTH; i++) {
        int row = i / WIDTH;
        double noise = row ? 1e-3 : 1e-3 * sqrt(ROWS / 9.0), side = (row + i) % 2 ? 1 : -1;
        tap.expected[row][i % WIDTH] = 1;
        tap.noise[row][i % WIDTH] = noise;
        tap.off[row][i % WIDTH] = side * noise * (row ? of_the_others : of_that_row);
    }
    return tap;
}

/* The tap is not failed for what one row has beyond honest noise; but for what all rows have, it is. */
START_TEST(a_row_of_much_noise)
{
    Values tap = one_large_row(5, 1.5);
    Step step = grade(&tap);
    ck_assert_double_gt(step.ratio, class.limits.ratio);
    ck_assert_int_eq(step.verdict, VERDICT_PASS);
    tap = one_large_row(2.2, 2.2);
    ck_assert_int_eq(grade(&tap).verdict, VERDICT_FAIL);
}
END_TEST

Suite *few_parts_suite(void)
{
    Suite *suite = suite_create("few_parts");
    TCase *tcase = theme(suite, "one of a whole");
    tcase_add_test(tcase, a_masked_channel_is_few_elements);
    tcase_add_test(tcase, a_whole_channel_is_many_elements);
    tcase_add_test(tcase, one_channel_does_not_hide_another);
    tcase_add_test(tcase, a_row_of_much_noise);
    return suite;
}
