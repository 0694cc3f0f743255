/* test_tensor.c - shapes, and where values are */
#include "helpers.h"

START_TEST(dimensions)
{
    Tensor tensor = new_tensor(run_as(ROUNDING_NONE), 2, 3, 5);
    ck_assert_int_eq(elements(tensor), 30);
    ck_assert_int_eq(rows(tensor), 6);
    ck_assert_int_eq(last(tensor), 5);
    ck_assert_int_eq(rows(new_tensor(run_as(ROUNDING_NONE), 7)), 1);
    ck_assert_int_eq(elements(new_tensor(run_as(ROUNDING_NONE), 0, 4)), 0);
}
END_TEST

static const struct {
    int64_t from[3];
    int rank;
    int64_t asked[4], expected[4];
} views[] = {
    { { 2, 3, 8 }, 4, { 2, 3, -1, 4 }, { 2, 3, 2, 4 } },
    { { 2, 3, 8 }, 2, { 6, 8 }, { 6, 8 } },
    { { 2, 3, 8 }, 1, { -1 }, { 48 } },
    { { 0, 3, 8 }, 4, { 0, 3, -1, 4 }, { 0, 3, 2, 4 } },
    { { 0, 3, 8 }, 2, { 0, -1 }, { 0, 24 } },
};

START_TEST(viewed)
{
    Tensor tensor = tensor_new(run_as(ROUNDING_NONE), 3, views[_i].from);
    Tensor view = tensor_view(tensor, views[_i].rank, views[_i].asked);
    ck_assert_ptr_eq(view.data, tensor.data);
    ck_assert_int_eq(view.rank, views[_i].rank);
    ck_assert_mem_eq(view.shape, views[_i].expected, (size_t)view.rank * sizeof *view.shape);
}
END_TEST

/* The kept value overlaps the place that it moves to. */
START_TEST(kept_value_moves_down)
{
    Run *run = run_as(ROUNDING_NONE);
    ArenaMark mark = arena_mark(&scratch);
    Tensor gone = new_tensor(run, 3), value = new_tensor(run, 10, 100);
    for (int i = 0; i < 1000; i++) value.data[i] = (real)i;
    Tensor kept = keep(run, mark, value);
    ck_assert_ptr_eq(kept.data, gone.data);
    ck_assert_int_eq(kept.shape[1], 100);
    for (int i = 0; i < 1000; i++) assert_near(kept.data[i], i, 0, "kept", i);
    ck_assert_msg((void *)new_tensor(run, 1).data > (void *)(kept.data + 999), "the next tensor lies in the kept one");
}
END_TEST

Suite *tensor_suite(void)
{
    Suite *suite = suite_create("tensor");
    TCase *tcase = theme(suite, "shape");
    tcase_add_test(tcase, dimensions);
    tcase_add_loop_test(tcase, viewed, 0, COUNT(views));
    tcase = theme(suite, "memory");
    tcase_add_test(tcase, kept_value_moves_down);
    return suite;
}
