/* test_ties.c - choices compared as sets */
#include "lockstep/ties.h"

#include <stdlib.h>

#include "dumps.h"

/* Scores of candidates 0 to 5; the noise is 1 and the limit 2. */
static const double scores[] = { 9, 8, 7, 6, 5, NAN };

static const struct {
    int64_t width, own[3], found[3], expected[3];
    const char *ties; /* found for expected */
} choice_rows[] = {
    { 2, { 0, 1 }, { 0, 1 }, { 0, 1 }, "" },
    { 2, { 0, 1 }, { 1, 0 }, { 1, 0 }, "" },
    { 2, { 0, 1 }, { 0, 2 }, { 0, 2 }, "2 for 1" },
    { 2, { 0, 1 }, { 3, 0 }, { 3, 0 }, "3 for 1" },
    { 2, { 0, 1 }, { 4, 0 }, { 1, 0 }, "" },
    { 2, { 0, 1 }, { 2, 3 }, { 2, 3 }, "2 for 0, 3 for 1" },
    { 2, { 0, 1 }, { 3, 2 }, { 3, 2 }, "2 for 0, 3 for 1" },
    { 2, { 0, 1 }, { 4, 2 }, { 1, 2 }, "2 for 0" },
    { 2, { 0, 1 }, { 0, 0 }, { 0, 1 }, "" },
    { 3, { 0, 1, 2 }, { 1, 1, 1 }, { 1, 0, 2 }, "" },
    { 2, { 0, 1 }, { 5, 0 }, { 1, 0 }, "" },
    { 1, { 1 }, { 0 }, { 0 }, "0 for 1" },
    { 1, { 4 }, { 0 }, { 4 }, "" },
};

START_TEST(judged)
{
    Grade grade = { 0 };
    double expected[3];
    ChosenRow row = { "router#top_k_index", 7, choice_rows[_i].width, scores, 1, 2 };
    ties_judge(&row, choice_rows[_i].own, choice_rows[_i].found, expected, &grade);
    for (int64_t j = 0; j < choice_rows[_i].width; j++)
        assert_near(expected[j], choice_rows[_i].expected[j], 0, "expected", j);
    const char *text = "";
    for (int n = 0; n < grade.tie_count; n++) {
        const Tie *tie = &grade.ties[n];
        text = arena_format(&scratch, "%s%s%lld for %lld", text, n ? ", " : "", (long long)tie->found,
                            (long long)tie->expected);
        ck_assert_str_eq(tie->tap, row.tap);
        ck_assert_ptr_ne(tie->tap, row.tap);
        ck_assert_int_eq(tie->row, 7);
        assert_near(tie->gap, fabs(scores[tie->found] - scores[tie->expected]), 0, "gap", n);
        assert_near(tie->noise, 1, 0, "noise", n);
    }
    ck_assert_str_eq(text, choice_rows[_i].ties);
    free(grade.ties);
    arena_free(&grade.arena);
}
END_TEST

START_TEST(sets)
{
    const int64_t a[] = { 3, 1, 2 }, b[] = { 2, 3, 1 }, c[] = { 3, 1, 1 };
    ck_assert(set_equals(a, b, 3) && !set_equals(a, c, 3) && !set_equals(c, a, 3));
    ck_assert_int_eq(set_place(1, b, 3), 2);
    ck_assert_int_eq(set_place(1, b, 2), -1);
}
END_TEST

Suite *ties_suite(void)
{
    Suite *suite = suite_create("ties");
    TCase *tcase = theme(suite, "sets");
    tcase_add_loop_test(tcase, judged, 0, COUNT(choice_rows));
    tcase_add_test(tcase, sets);
    return suite;
}
