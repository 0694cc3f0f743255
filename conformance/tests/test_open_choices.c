/* test_open_choices.c - near-ties, and which way they went */
#include "lockstep/open_choices.h"

#include "dumps.h"

static const PaddingRows two_prompts = { .batch = 2, .tokens = 3 };

/* Scores of six candidates; the first `width` of `chosen` were. noise 1, and a limit of 2 noise units */
static const struct {
    double scores[6];
    int64_t width, chosen[3];
    const char *alternatives; /* loser>winner, the nearest first */
} near[] = {
    { { 9, 5, 1, 0, 0, 0 }, 2, { 0, 1 }, "" },
    { { 9, 5, 4, 0, 0, 0 }, 2, { 0, 1 }, "1>2" },
    { { 9, 5, 3, 0, 0, 0 }, 2, { 0, 1 }, "1>2" },
    { { 9, 5, 2.9, 0, 0, 0 }, 2, { 0, 1 }, "" },
    { { 6, 5, 4.5, 4, 0, 0 }, 2, { 0, 1 }, "1>2 1>3 0>2 0>3" },
    { { 6, 5, 4.5, 4, 3.5, 3.2 }, 1, { 0 }, "0>1 0>2 0>3" },
    { { 5, 5, 5, 5, 5, 5 }, 1, { 3 }, "3>0 3>1 3>2 3>4" },
    { { 5, 5.5, 4.8, 4.7, 4.6, 4.5 }, 2, { 1, 0 }, "0>2 0>3 0>4 0>5" },
    { { 5, 6, 4.5, 0, 0, 9 }, 1, { 0 }, "0>2" }, /* padding, which is not chosen for its score */
    { { 5, 5.5, 4.8, 4.7, NAN, NAN }, 2, { 1, 0 }, "0>2 0>3 1>2 1>3" },
    { { 9, 8, 7, 6.5, 0, 0 }, 3, { 0, 1, 2 }, "2>3 1>3" },
};

START_TEST(nearly_tied)
{
    OpenChoices open_choices = open_choices_new(&two_prompts, 0);
    int n = open_choices_consider(&open_choices, (OpenChoice){ .noise = 1 },
                                  (ScoredRow){ near[_i].scores, 6, near[_i].chosen, near[_i].width }, 2);
    const char *text = "";
    for (int a = 0; n >= 0 && a < open_choices.list[n].alternatives; a++) {
        const Alternative *alternative = &open_choices.list[n].alternative[a];
        text = arena_format(&scratch, "%s%s%lld>%lld", text, a ? " " : "", (long long)alternative->loser,
                            (long long)alternative->winner);
        assert_near(alternative->gap, near[_i].scores[alternative->loser] - near[_i].scores[alternative->winner], 0,
                    "gap", a);
    }
    ck_assert_str_eq(text, near[_i].alternatives);
    ck_assert_int_eq(open_choices.count, *text != '\0');
    open_choices_free(&open_choices);
}
END_TEST

/* Two open choices of two alternatives each: of token [0, 1] and of [1, 2]. */
static OpenChoices two_contests(int second_turn)
{
    OpenChoices open_choices = open_choices_new(&two_prompts, 2);
    const double scores[] = { 5, 4.9, 4.8 };
    for (int n = 0; n < 2; n++) {
        OpenChoice open_choice = { .choice = n, .row = n, .turn = n ? second_turn : 0, .noise = 1 };
        ScoredRow row = { scores, 3, (const int64_t[]){ 0 }, 1 };
        ck_assert_int_eq(open_choices_consider(&open_choices, open_choice, row, 1), n);
    }
    return open_choices;
}

/* A pass over taps 7, 8, ..: each open choice's differences there, of the first and of the second. */
static void pass_over(OpenChoices *open_choices, int turn, int alternative, const double *first, const double *second)
{
    open_choices_begin(open_choices, turn, alternative);
    open_choices_open(open_choices, 0, (Token){ 0, 1 });
    open_choices_open(open_choices, 1, (Token){ 1, 2 });
    for (int step = 0; step < 3; step++) {
        open_choices_compare(open_choices, (Token){ 0, 1 }, 7 + step, first[step]);
        open_choices_compare(open_choices, (Token){ 1, 2 }, 7 + step, second[step]);
        open_choices_compare(open_choices, (Token){ 0, 0 }, 7 + step, 100); /* nobody's */
    }
}

/* The first tap where it makes a difference tells; here that is the second for one of them, the first for the other. */
START_TEST(nearest_is_kept)
{
    OpenChoices open_choices = two_contests(0);
    ck_assert_int_eq(open_choices_turns(&open_choices), 1);
    ck_assert_int_eq(open_choices_most_alternatives(&open_choices, 0), 2);
    pass_over(&open_choices, 0, 0, (const double[]){ 3, 9, 0 }, (const double[]){ 1, 0, 9 });
    pass_over(&open_choices, 0, 1, (const double[]){ 3, 8, 9 }, (const double[]){ 2, 0, 0 });
    pass_over(&open_choices, 0, 2, (const double[]){ 3, 1, 9 }, (const double[]){ 3, 0, 0 });
    ck_assert(open_choices_decide(&open_choices, 0));
    ck_assert_int_eq(open_choices.list[0].kept, 2);
    ck_assert_int_eq(open_choices.list[1].kept, 0);
    open_choices_begin(&open_choices, 0, 0);
    ck_assert_ptr_eq(open_choices_taken(&open_choices, 0), &open_choices.list[0].alternative[1]);
    ck_assert_ptr_null(open_choices_taken(&open_choices, 1));
    open_choices_free(&open_choices);
}
END_TEST

/* Rows of a token that a tap holds several of, one for each head, add up. */
START_TEST(heads_add_up)
{
    OpenChoices open_choices = two_contests(0);
    static const double heads[3][2] = { { 1, 9 }, { 1, 1 }, { 0, 6 } };
    for (int a = 0; a < 3; a++) {
        open_choices_begin(&open_choices, 0, a);
        open_choices_open(&open_choices, 0, (Token){ 0, 1 });
        for (int head = 0; head < 2; head++) open_choices_compare(&open_choices, (Token){ 0, 1 }, 7, heads[a][head]);
    }
    ck_assert(open_choices_decide(&open_choices, 0));
    ck_assert_int_eq(open_choices.list[0].kept, 1);
    open_choices_free(&open_choices);
}
END_TEST

/* No tap shows the outcome, or none that it matters to: the oracle's own. Or only the alternative came that far. */
START_TEST(own_choice_in_doubt)
{
    static const double same[] = { 4, 4, 4 };
    OpenChoices open_choices = two_contests(0);
    for (int a = 0; a < 3; a++) pass_over(&open_choices, 0, a, same, same);
    ck_assert(!open_choices_decide(&open_choices, 0));
    open_choices_clear(&open_choices);
    ck_assert_int_eq(open_choices.count, 0);
    open_choices_free(&open_choices);

    open_choices = two_contests(0);
    pass_over(&open_choices, 0, 2, same, same);
    ck_assert(open_choices_decide(&open_choices, 0));
    ck_assert_int_eq(open_choices.list[0].kept, 2);
    open_choices_free(&open_choices);
}
END_TEST

/* Twice as near, four times as near squared, or it is not clear enough. */
START_TEST(own_choice_unless_clear)
{
    static const double nearest[] = { 1.01, 0.99 };
    for (int i = 0; i < 2; i++) {
        OpenChoices open_choices = two_contests(0);
        const double own[] = { 4, 4, 4 }, other[] = { 9, 9, 9 }, near_it[] = { nearest[i], 0, 0 };
        pass_over(&open_choices, 0, 0, own, own);
        pass_over(&open_choices, 0, 1, other, other);
        pass_over(&open_choices, 0, 2, near_it, other);
        ck_assert_int_eq(open_choices_decide(&open_choices, 0), i);
        ck_assert_int_eq(open_choices.list[0].kept, i ? 2 : 0);
        open_choices_free(&open_choices);
    }
}
END_TEST

/* Later turns take their own while earlier ones are tried, and are forgotten when those are decided. */
START_TEST(turns)
{
    OpenChoices open_choices = two_contests(1);
    ck_assert_int_eq(open_choices_turns(&open_choices), 2);
    ck_assert_int_eq(open_choices_most_alternatives(&open_choices, 1), 2);
    open_choices_begin(&open_choices, 0, 1);
    ck_assert_ptr_nonnull(open_choices_taken(&open_choices, 0));
    ck_assert_ptr_null(open_choices_taken(&open_choices, 1));
    open_choices_begin(&open_choices, 1, 1);
    ck_assert_ptr_null(open_choices_taken(&open_choices, 0));
    ck_assert_ptr_nonnull(open_choices_taken(&open_choices, 1));

    /* Both are the same token's, with no tap between: the same taps show either. */
    static const double differences[3] = { 5, 1, 2 };
    for (int a = 0; a < 3; a++) {
        open_choices_begin(&open_choices, 0, a);
        open_choices_open(&open_choices, 0, (Token){ 0, 1 });
        open_choices_open(&open_choices, 1, (Token){ 0, 1 });
        open_choices_compare(&open_choices, (Token){ 0, 1 }, 7, differences[a]);
    }
    ck_assert_double_eq(open_choices.list[1].difference[0][0], 5);
    ck_assert_double_eq(open_choices.list[1].difference[1][0], INFINITY);
    ck_assert(open_choices_decide(&open_choices, 0));
    ck_assert_int_eq(open_choices.list[0].kept, 1);
    open_choices_drop_undecided(&open_choices);
    ck_assert_int_eq(open_choices.count, 1);
    open_choices_free(&open_choices);
}
END_TEST

START_TEST(turns_have_an_end)
{
    OpenChoices open_choices = two_contests(50);
    ck_assert_int_eq(open_choices_turns(&open_choices), MOST_TURNS);
    open_choices_free(&open_choices);
}
END_TEST

/* A later choice of the same token, behind a tap: the earlier one is no longer shown. */
START_TEST(later_choice_takes_over)
{
    OpenChoices open_choices = two_contests(0);
    open_choices_begin(&open_choices, 0, 0);
    open_choices_open(&open_choices, 0, (Token){ 0, 1 });
    open_choices_compare(&open_choices, (Token){ 0, 1 }, 7, 1);
    open_choices_open(&open_choices, 1, (Token){ 0, 1 });
    open_choices_compare(&open_choices, (Token){ 0, 1 }, 8, 2);
    ck_assert_double_eq(open_choices.list[0].difference[0][0], 1);
    ck_assert_double_eq(open_choices.list[0].difference[0][1], INFINITY);
    ck_assert_double_eq(open_choices.list[1].difference[0][0], 2);
    open_choices_free(&open_choices);
}
END_TEST

Suite *open_choices_suite(void)
{
    Suite *suite = suite_create("open_choices");
    TCase *tcase = theme(suite, "near-ties");
    tcase_add_loop_test(tcase, nearly_tied, 0, COUNT(near));
    tcase = theme(suite, "outcomes");
    tcase_add_test(tcase, nearest_is_kept);
    tcase_add_test(tcase, heads_add_up);
    tcase_add_test(tcase, own_choice_in_doubt);
    tcase_add_test(tcase, own_choice_unless_clear);
    tcase_add_test(tcase, turns);
    tcase_add_test(tcase, turns_have_an_end);
    tcase_add_test(tcase, later_choice_takes_over);
    return suite;
}
