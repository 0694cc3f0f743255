/* test_moving.c - whole runs of elements, from one place to another */
#include "helpers.h"
#include "nn/nn.h"

START_TEST(cloned)
{
    Tensor x = random_values(2, 3, 4), y = tensor_clone(x, run_as(ROUNDING_BF16)); /* a copy is not rounded */
    ck_assert_int_eq(y.rank, 3);
    ck_assert_mem_eq(y.shape, x.shape, sizeof y.shape);
    ck_assert_ptr_ne(y.data, x.data);
    ck_assert_mem_eq(y.data, x.data, 24 * sizeof(real));
}
END_TEST

START_TEST(transposed)
{
    Tensor x = random_values(2, 3, 4, 5), y = transpose_1_2(x, run_as(ROUNDING_NONE));
    ck_assert_mem_eq(y.shape, ((int64_t[]){ 2, 4, 3, 5 }), 4 * sizeof *y.shape);
    for (int i = 0; i < 2 * 3 * 4 * 5; i++) {
        int d = i % 5, c = i / 5 % 4, b = i / 20 % 3, a = i / 60;
        assert_near(y.data[((a * 4 + c) * 3 + b) * 5 + d], x.data[i], 0, "transposed", i);
    }
}
END_TEST

/* x[2, 3, 4] with x[i, j, k] = 100 i + 10 j + k */
static Tensor counted(void)
{
    Tensor x = new_tensor(run_as(ROUNDING_NONE), 2, 3, 4);
    for (int i = 0; i < 24; i++) x.data[i] = (real)(i / 12 * 100 + i / 4 % 3 * 10 + i % 4);
    return x;
}

static const struct {
    int dim;
    int64_t first, count;
} parts[] = { { 0, 1, 1 }, { 0, 0, 2 }, { 1, 0, 2 }, { 1, 2, 1 }, { 2, 1, 3 }, { 2, 3, 1 }, { 1, 1, 0 }, { 2, 4, 0 } };

START_TEST(narrowed)
{
    int dim = parts[_i].dim;
    int64_t first = parts[_i].first, count = parts[_i].count, shape[] = { 2, 3, 4 }, from[] = { 0, 0, 0 };
    shape[dim] = count;
    from[dim] = first;
    Tensor x = counted(), y = narrow(x, dim, first, count, run_as(ROUNDING_NONE));
    ck_assert_int_eq(y.rank, 3);
    ck_assert_mem_eq(y.shape, shape, sizeof shape);
    ck_assert_ptr_ne(y.data, x.data);
    for (int64_t i = 0; i < elements(y); i++) {
        int64_t k = i % shape[2] + from[2], j = i / shape[2] % shape[1] + from[1],
                h = i / shape[2] / shape[1] + from[0];
        assert_near(y.data[i], (double)(100 * h + 10 * j + k), 0, "narrowed", i);
    }
}
END_TEST

/* The two parts of x on either side of `first`, put together again, are x. */
static const struct {
    int dim;
    int64_t first;
} seams[] = { { 0, 1 }, { 1, 1 }, { 1, 2 }, { 2, 1 }, { 2, 3 }, { 1, 0 }, { 1, 3 } };

START_TEST(put_together)
{
    Run *run = run_as(ROUNDING_NONE);
    int dim = seams[_i].dim;
    int64_t first = seams[_i].first;
    Tensor x = counted();
    Tensor y = cat(narrow(x, dim, 0, first, run), narrow(x, dim, first, x.shape[dim] - first, run), dim, run);
    ck_assert_int_eq(y.rank, 3);
    ck_assert_mem_eq(y.shape, x.shape, sizeof y.shape);
    ck_assert_mem_eq(y.data, x.data, 24 * sizeof(real));
}
END_TEST

START_TEST(selected_and_scattered)
{
    static const bool mask[] = { false, true, true, false, false, true };
    Run *run = run_as(ROUNDING_BF16); /* rows are moved, not rounded */
    Tensor x = random_values(2, 3, 4), selected = select_rows(x, mask, run);
    ck_assert_int_eq(selected.rank, 2);
    ck_assert_int_eq(selected.shape[0], 3);
    ck_assert_mem_eq(selected.data, x.data + 4, 8 * sizeof(real));
    ck_assert_mem_eq(selected.data + 8, x.data + 20, 4 * sizeof(real));

    Tensor y = random_values(2, 3, 4), before = tensor_clone(y, run);
    y = masked_scatter_(y, mask, selected);
    for (int i = 0; i < 24; i++) assert_near(y.data[i], mask[i / 4] ? x.data[i] : before.data[i], 0, "scattered", i);
}
END_TEST

START_TEST(none_selected)
{
    static const bool mask[] = { false, false };
    Tensor x = random_values(2, 3), before = tensor_clone(x, run_as(ROUNDING_NONE));
    Tensor selected = select_rows(x, mask, run_as(ROUNDING_NONE));
    ck_assert_int_eq(selected.shape[0], 0);
    ck_assert_int_eq(selected.shape[1], 3);
    masked_scatter_(x, mask, selected);
    ck_assert_mem_eq(x.data, before.data, 6 * sizeof(real));
}
END_TEST

START_TEST(last_two_change_places)
{
    static const int64_t heights[] = { 1, 16, 33 };
    int64_t height = heights[_i], width = 19;
    Tensor x = random_values(2, 3, height, width), y = transpose_last(x, run_as(ROUNDING_NONE));
    ck_assert_int_eq(y.shape[2], width);
    ck_assert_int_eq(y.shape[3], height);
    for (int64_t i = 0; i < elements(x); i++) {
        int64_t plane = i / (height * width), row = i / width % height, column = i % width;
        assert_near(y.data[(plane * width + column) * height + row], x.data[i], 0, "transposed", i);
    }
}
END_TEST

Suite *moving_suite(void)
{
    Suite *suite = suite_create("moving");
    TCase *tcase = theme(suite, "copies");
    tcase_add_test(tcase, cloned);
    tcase_add_test(tcase, transposed);
    tcase_add_loop_test(tcase, narrowed, 0, COUNT(parts));
    tcase_add_loop_test(tcase, put_together, 0, COUNT(seams));
    tcase_add_test(tcase, selected_and_scattered);
    tcase_add_test(tcase, none_selected);
    tcase_add_loop_test(theme(suite, "transpose_last"), last_two_change_places, 0, 3);
    return suite;
}
