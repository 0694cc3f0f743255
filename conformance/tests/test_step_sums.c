/* test_step_sums.c - what is kept of a step's rows from pass to pass, by hand */
#include "noise/step_conclusion.h"
#include "noise/step_sums.h"

#include "dumps.h"

enum { ROWS = 2, WIDTH = 2 };

static const ArithmeticClass halved = { .random_over_nearest = 2 };
static const double expected[ROWS][WIDTH] = { { 1, -2 }, { 3, 4 } };

static Array array_holding(const real *values)
{
    return (Array){ .dtype = REAL_DTYPE, .rank = 2, .shape = { ROWS, WIDTH }, .data = (const unsigned char *)values };
}

static StepSums sums_of(const Array *backend, bool is_choice, bool with_total)
{
    return step_sums_new((RowMap){ { 1, 1, ROWS, 1, 0 }, ROWS, WIDTH }, backend, is_choice, with_total);
}

static Step new_step(void)
{
    return (Step){ .rank = 2, .shape = { ROWS, WIDTH }, .worst_row = -1, .worst_channel = -1, .worst_element = -1 };
}

/* ---------------------------------------------------------------- the oracle's pass */

/* A row that nobody graded adds nothing, whatever the dump holds there. */
START_TEST(residuals_of_graded_rows)
{
    const Array backend = array_holding((const real[]){ 1.5, -2, 30, 40 });
    StepSums sums = sums_of(&backend, false, false);
    Step step = new_step();
    step_sums_keep_replay(&sums, 0, expected[0]);
    step_sums_measure(&sums, &step, 0, expected[0], (const double[]){ 1.5, -2 });
    step_sums_end_replay(&sums);
    step_sums_conclude(&sums, &halved, &step);
    ck_assert_int_eq(step.graded_rows, 1);
    assert_near(sums.difference, 0.25, 0, "difference", 0);
    assert_near(sums.norm, 1 + 4, 0, "norm", 0);
    ck_assert_double_eq(sums.row_norm[1], -1);
    assert_near(step_sums_expected(&sums, 0), 1, 0, "the reference's value", 0);
    assert_near(step_sums_found(&sums, 3), 40, 0, "the backend's value", 3);
    ck_assert_int_eq(step.worst_element, 0);
    step_sums_free(&sums);
}
END_TEST

/* Inherited is what the pass that replaces nothing differs by from the oracle's; total, what the backend does. */
START_TEST(inherited_and_total)
{
    const Array backend = array_holding((const real[]){ 1.5, -2, 3, 4 });
    StepSums sums = sums_of(&backend, false, true);
    Step step = new_step();
    step_sums_keep_free(&sums, 0, (const double[]){ 0, -2 });
    step_sums_keep_replay(&sums, 0, expected[0]);
    step_sums_measure(&sums, &step, 0, expected[0], (const double[]){ 1.5, -2 });
    step_sums_end_replay(&sums);
    step_sums_conclude(&sums, &halved, &step);
    assert_near(step.inherited, sqrt(1.0 / 4), 1e-12, "inherited", 0);
    assert_near(step.total, sqrt(2.25 / 4), 1e-12, "total", 0);
    step_sums_free(&sums);
}
END_TEST

/* Sorted rows are compared by rank; the largest comes first. */
START_TEST(sorted_rows)
{
    const Array backend = array_holding((const real[]){ 1, 7, 4, 3 });
    StepSums sums = sums_of(&backend, false, false);
    double found[WIDTH];
    step_sums_read_found(&sums, 0, found);
    ck_assert_double_eq(found[0], 1);
    sums.sorted = true;
    step_sums_read_found(&sums, 0, found);
    ck_assert_double_eq(found[0], 7);
    assert_near(step_sums_found(&sums, 1), 1, 0, "the smaller one", 0);
    assert_near(step_sums_found(&sums, 2), 4, 0, "the other row's larger one", 0);
    step_sums_free(&sums);
}
END_TEST

/* Numbers that are names are right or wrong, not near: 5 for 4 is as wrong as 9 for 3, and the first one is shown. */
START_TEST(choices_are_counted)
{
    const Array backend = array_holding((const real[]){ 1, 2, 9, 5 });
    StepSums sums = sums_of(&backend, true, false);
    Step step = new_step();
    step_sums_count(&sums, &step, 0, (const double[]){ 1, 2 }, (const double[]){ 1, 2 });
    step_sums_count(&sums, &step, 1, expected[1], (const double[]){ 9, 5 });
    step_sums_end_replay(&sums);
    step_sums_conclude(&sums, &halved, &step);
    assert_near(sums.difference, 2, 0, "wrong ones", 0);
    assert_near(sums.norm, 4, 0, "all", 0);
    assert_near(step.introduced, sqrt(2.0 / 4), 1e-12, "introduced", 0);
    ck_assert_int_eq(step.worst_element, 2);
    assert_near(step.worst_expected, 3, 0, "expected", 0);
    assert_near(step.worst_found, 9, 0, "found", 0);
    step_sums_free(&sums);
}
END_TEST

/* ---------------------------------------------------------------- the replays */

/* The nearest deviates by 0.25 and 0; one at random by 0.5 and 1, of whose squares the class takes half. */
START_TEST(replays_on_average)
{
    const double found[] = { 1, -2 };
    const Array backend = array_holding((const real[]){ 1, -2, 3, 4 });
    StepSums sums = sums_of(&backend, false, false);
    Step step = new_step();
    step_sums_keep_replay(&sums, 0, (const double[]){ 1.25, -2 });
    step_sums_measure(&sums, &step, 0, expected[0], found);
    step_sums_end_replay(&sums);
    step_sums_add_replay(&sums, &halved, 0, (const double[]){ 1.5, -1 }, found);
    step_sums_add_replay(&sums, &halved, 1, (const double[]){ 300, 400 }, expected[1]); /* not graded: not heard */
    step_sums_end_replay(&sums);
    ck_assert_int_eq(sums.samples, 2);
    assert_near(sums.replays[0], 0.0625, 1e-9, "replay", 0);
    assert_near(sums.replays[1], (0.25 + 1) / 2, 1e-9, "replay", 1);
    /* Biases along the signs: 0.25, and 0.5 - 1 over the root of 2 */
    assert_near(sums.replay_biases, 0.0625 + 0.25 / 2, 1e-9, "biases", 0);
    step_sums_conclude(&sums, &halved, &step);
    assert_near(sums.deviation[0], sqrt((0.0625 + 0.125) / 2), 1e-6, "deviation", 0);
    assert_near(sums.deviation[1], sqrt(0.5 / 2), 1e-6, "deviation", 1);
    assert_near(sums.deviations, (0.0625 + 0.625) / 2, 1e-6, "all", 0);
    step_sums_free(&sums);
}
END_TEST

/* A replay that overflows is off by the value itself. */
START_TEST(overflow_is_the_value)
{
    const Array backend = array_holding((const real[]){ 1, -2, 3, 4 });
    StepSums sums = sums_of(&backend, false, false);
    Step step = new_step();
    step_sums_keep_replay(&sums, 1, (const double[]){ INFINITY, NAN });
    step_sums_measure(&sums, &step, 1, expected[1], expected[1]);
    step_sums_end_replay(&sums);
    assert_near(sums.replays[0], 9 + 16, 1e-9, "replay", 0);
    step_sums_free(&sums);
}
END_TEST

Suite *step_sums_suite(void)
{
    Suite *suite = suite_create("step_sums");
    TCase *oracle = theme(suite, "the oracle's pass");
    tcase_add_test(oracle, residuals_of_graded_rows);
    tcase_add_test(oracle, inherited_and_total);
    tcase_add_test(oracle, sorted_rows);
    tcase_add_test(oracle, choices_are_counted);
    TCase *replays = theme(suite, "replays");
    tcase_add_test(replays, replays_on_average);
    tcase_add_test(replays, overflow_is_the_value);
    return suite;
}
