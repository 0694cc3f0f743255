/* test_work_done.c - how far passes are that run one after the other, and side by side */
#include "command/work_done.h"
#include "helpers.h"

static double add_layers(WorkDone *work, int pass, int layers)
{
    double done = work_done_add(work, pass, 0);
    for (int i = 0; i < layers; i++) done = work_done_add(work, pass, 1);
    return done;
}

START_TEST(one_after_the_other)
{
    WorkDone work = { .layers = 4, .at_once = 1 };
    ck_assert_double_eq(add_layers(&work, 0, 1), 0.25);
    ck_assert_double_eq(add_layers(&work, 0, 3), 1);
    ck_assert_double_eq(add_layers(&work, 1, 2), 1.5);
    ck_assert_double_eq(add_layers(&work, 3, 1), 3.25); /* a pass that nobody saw is over */
    ck_assert_double_eq(add_layers(&work, 3, 9), 4);    /* decode steps show more layers than were foreseen */
}
END_TEST

/* The latest of two passes is not all that is done, and the other is not done before it is. */
START_TEST(side_by_side)
{
    WorkDone work = { .layers = 4, .at_once = 2 };
    ck_assert_double_eq(add_layers(&work, 0, 3), 0.75);
    ck_assert_double_eq(add_layers(&work, 1, 1), 1);
    ck_assert_double_eq(add_layers(&work, 0, 1), 1.25);
    ck_assert_double_eq(add_layers(&work, 2, 1), 1.5);
    ck_assert_double_eq(add_layers(&work, 1, 1), 1.75);
    ck_assert_double_eq(add_layers(&work, 0, 1), 1.75); /* it is over, whatever it still shows */
    for (int pass = 3; pass < 200; pass++) add_layers(&work, pass, 4);
    ck_assert_double_eq(add_layers(&work, 200, 2), 200.5);
}
END_TEST

Suite *work_done_suite(void)
{
    Suite *suite = suite_create("work_done");
    TCase *tests = theme(suite, "passes");
    tcase_add_test(tests, one_after_the_other);
    tcase_add_test(tests, side_by_side);
    return suite;
}
