/* test_top_k.c - the largest of each row, largest first */
#include "helpers.h"
#include "nn/nn.h"

enum { COLUMNS = 5 };

static const real table[][COLUMNS] = {
    { 3, 1, 4, 2, 5 },
    { -1, -5, -2, -4, -3 },
    { 2, 7, 2, 7, 0 }, /* of equal ones the first */
    { 0, 0, 0, 0, 0 },
};
static const int64_t order[][COLUMNS] = { { 4, 2, 0, 3, 1 }, { 0, 2, 4, 3, 1 }, { 1, 3, 0, 2, 4 }, { 0, 1, 2, 3, 4 } };
enum { ROWS = COUNT(table) };

/* k = _i: one, some, all; rows of x and of values lie in wider matrices */
START_TEST(largest)
{
    int64_t k = _i, index[ROWS * COLUMNS];
    real x[ROWS * 7], values[ROWS * 6];
    for (int i = 0; i < ROWS * 7; i++) x[i] = i % 7 < COLUMNS ? table[i / 7][i % 7] : 99;
    for (int i = 0; i < ROWS * 6; i++) values[i] = 77;
    for (int i = 0; i < ROWS * COLUMNS; i++) index[i] = -9;
    top_k((Matrix){ x, ROWS, COLUMNS, 7 }, k, (Matrix){ values, ROWS, k, 6 }, index);
    for (int64_t i = 0; i < ROWS; i++) {
        for (int64_t n = 0; n < k; n++) {
            ck_assert_int_eq(index[i * k + n], order[i][n]);
            assert_near(values[i * 6 + n], table[i][order[i][n]], 0, "value", i);
        }
        assert_near(values[i * 6 + k], 77, 0, "beside the row", i);
    }
}
END_TEST

Suite *top_k_suite(void)
{
    Suite *suite = suite_create("top_k");
    tcase_add_loop_test(theme(suite, "rows"), largest, 1, COLUMNS + 1);
    return suite;
}
