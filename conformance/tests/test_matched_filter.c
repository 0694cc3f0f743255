/* test_matched_filter.c - how far a match is from what honesty makes of it */
#include "diagnose/matched_filter.h"

#include <math.h>

#include "dumps.h"

/* The match of `rows` rows, each of which leaves `left` of its product */
static Match match_of(double power, double coefficient, double honest, int rows, double left)
{
    Match sum = { 0 };
    for (int i = 0; i < rows; i++) {
        double of_row = power / rows, product = coefficient * of_row + (i % 2 ? left : -left);
        match_add(&sum,
                  (Match){ product, of_row, honest / rows, product * product, product * of_row, of_row * of_row });
    }
    return sum;
}

static const struct {
    double power, coefficient, honest, left, z, expected_z;
} matches[] = {
    { 400, 1, 0, 0, 20, 20 },   /* the bug itself */
    { 400, 0, 0, 0, 0, 20 },    /* nothing */
    { 400, 0.9, 360, 0, 0, 2 }, /* rounding that looks like the bug */
    { 400, 0.4, 360, 0, 0, 2 }, /* a backend that rounds less than the replay */
    { 400, 1, 100, 0, 15, 15 }, /* the bug, beyond what rounding makes of it */
    { 400, -0.5, -100, 0, -5, 20 }, { 400, -0.2, -100, 0, 0, 20 },
    { 400, 1, 0, 10, 10, 20 }, /* 16 rows that each leave 10: the spread is 40, not 20 */
    { 0, 0, 0, 0, 0, 0 },
};

START_TEST(z_is_beyond_what_honesty_makes)
{
    Match match = match_of(matches[_i].power, matches[_i].coefficient, matches[_i].honest, 16, matches[_i].left);
    assert_near(match_coefficient(match), matches[_i].coefficient, 1e-12, "coefficient", 0);
    assert_near(match_z(match), matches[_i].z, 1e-12, "z", 0);
    assert_near(match_expected_z(match), matches[_i].expected_z, 1e-12, "expected z", 0);
}
END_TEST

/* The window that decides every name below the noise: 0.2 + 4 / z around 1 */
static const struct {
    double coefficient, z;
    bool inside;
} window[] = {
    { 1, 8, true },       { 0.31, 8, true },   { 0.29, 8, false },   { 1.69, 8, true },    { 1.71, 8, false },
    { 0.5, 12, true },    { 0.46, 12, false }, { 0.77, 100, true },  { 0.75, 100, false }, { 1.23, 100, true },
    { 1.25, 100, false }, { 0.81, 1e6, true }, { 0.79, 1e6, false }, { 0, 1e6, false },    { NAN, 100, false },
};

START_TEST(naming_window)
{
    ck_assert_msg(coefficient_is_one(window[_i].coefficient, window[_i].z) == window[_i].inside, "%g at z %g",
                  window[_i].coefficient, window[_i].z);
}
END_TEST

Suite *matched_filter_suite(void)
{
    Suite *suite = suite_create("matched_filter");
    tcase_add_loop_test(theme(suite, "window"), naming_window, 0, COUNT(window));
    tcase_add_loop_test(theme(suite, "matches"), z_is_beyond_what_honesty_makes, 0, COUNT(matches));
    return suite;
}
