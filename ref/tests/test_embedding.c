/* test_embedding.c - rows of a table */
#include "helpers.h"
#include "nn/nn.h"

enum { VOCABULARY = 5, WIDTH = 3 };

START_TEST(rows_by_id)
{
    static const int64_t ids[] = { 4, 0, 0, 2, 3, 4 };
    Tensor table = random_values(VOCABULARY, WIDTH);
    Array weight = array_of(table);
    Tensor y = embedding(&weight, ids, 2, 3, run_as(ROUNDING_NONE));
    ck_assert_int_eq(y.rank, 3);
    ck_assert_mem_eq(y.shape, ((int64_t[]){ 2, 3, WIDTH }), 3 * sizeof *y.shape);
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < WIDTH; j++) assert_near(y.data[i * WIDTH + j], table.data[ids[i] * WIDTH + j], 0, "row", i);
}
END_TEST

/* The table is a weight; what is looked up is no result, and is not rounded again. */
START_TEST(table_is_rounded_as_a_weight)
{
    Run *run = run_as(ROUNDING_BF16);
    Array weight = array_of(view(values((real)0x1.03p0, (real)0x1.01p0), 2, 1));
    run->rounding = ROUNDING_NONE;
    ck_assert_double_eq(embedding(&weight, (int64_t[]){ 0 }, 1, 1, run).data[0], 0x1.04p0);
    run->weights = ROUNDING_NONE;
    run->rounding = ROUNDING_BF16;
    ck_assert_double_eq(embedding(&weight, (int64_t[]){ 0 }, 1, 1, run).data[0], 0x1.03p0);
}
END_TEST

START_TEST(no_rows)
{
    Array weight = array_of(random_values(VOCABULARY, WIDTH));
    ck_assert_int_eq(elements(embedding(&weight, NULL, 0, 3, run_as(ROUNDING_NONE))), 0);
}
END_TEST

Suite *embedding_suite(void)
{
    Suite *suite = suite_create("embedding");
    TCase *tcase = theme(suite, "embedding");
    tcase_add_test(tcase, rows_by_id);
    tcase_add_test(tcase, table_is_rounded_as_a_weight);
    tcase_add_test(tcase, no_rows);
    return suite;
}
