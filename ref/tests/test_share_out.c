/* test_share_out.c - each row once, at once on several threads, and the same bits as on one */
#include <pthread.h>

#include "helpers.h"
#include "nn/nn.h"
#include "run/threads.h"

enum { MOST = 1000, ENOUGH = 1 << 20 };

typedef struct {
    int visits[MOST];
    int64_t step;
    pthread_t threads[MOST]; /* who has been there */
} Visited;

static void visit(void *context, int64_t first, int64_t end)
{
    Visited *v = context;
    ck_assert_int_eq(first % v->step, 0);
    for (int64_t i = first; i < end; i++) {
        v->visits[i]++;
        v->threads[i] = pthread_self();
    }
}

static Visited visited(int64_t count, int64_t step, double work)
{
    Visited v = { .step = step };
    share_out(count, step, work, visit, &v);
    for (int64_t i = 0; i < MOST; i++) ck_assert_int_eq(v.visits[i], i < count);
    return v;
}

static const struct {
    int64_t count, step;
} shares[] = { { 0, 1 }, { 1, 1 }, { 2, 1 }, { 7, 1 }, { MOST, 1 }, { 63, 64 }, { 64, 64 }, { 65, 64 }, { MOST, 64 } };

START_TEST(each_row_once)
{
    for (int threads = 1; threads <= 5; threads++) {
        threads_set(threads);
        for (int again = 0; again < 100; again++) visited(shares[_i].count, shares[_i].step, ENOUGH);
    }
    threads_set(1);
}
END_TEST

/* Parts wait for each other, so that no thread has two. */
static void meet(void *barrier, int64_t first, int64_t end)
{
    ck_assert_int_eq(end, first + 1);
    pthread_barrier_wait(barrier);
}

START_TEST(parts_run_at_once)
{
    pthread_barrier_t barrier;
    threads_set(3);
    ck_assert_int_eq(threads_count(), 3);
    pthread_barrier_init(&barrier, NULL, 3);
    for (int again = 0; again < 20; again++) share_out(3, 1, ENOUGH, meet, &barrier);
    pthread_barrier_destroy(&barrier);
    threads_set(1);
    ck_assert_int_eq(threads_count(), 1);
}
END_TEST

START_TEST(little_work_stays_with_the_caller)
{
    threads_set(3);
    Visited v = visited(MOST, 1, 10);
    for (int i = 0; i < MOST; i++) ck_assert(pthread_equal(v.threads[i], pthread_self()));
    threads_set(1);
}
END_TEST

static void visit_inside(void *context, int64_t first, int64_t end)
{
    int *sums = context;
    Visited v = { .step = 1 };
    share_out(MOST, 1, ENOUGH, visit, &v);
    for (int64_t part = first; part < end; part++)
        for (int i = 0; i < MOST; i++) sums[part] += v.visits[i];
}

START_TEST(shared_inside_of_a_share)
{
    int sums[3] = { 0 };
    threads_set(3);
    share_out(3, 1, ENOUGH, visit_inside, sums);
    threads_set(1);
    for (int part = 0; part < 3; part++) ck_assert_int_eq(sums[part], MOST);
}
END_TEST

/* ---------------------------------------------------------------- operations */

/* Fixed numbers of so many rows, in -1 .. 1 */
static Tensor numbers(int64_t rows, int64_t columns)
{
    Tensor x = new_tensor(run_as(ROUNDING_NONE), rows, columns);
    for (int64_t i = 0; i < elements(x); i++) x.data[i] = (real)sin((double)i);
    return x;
}

enum { ROWS = 301, COLUMNS = 259 };

/* All operations that are shared out but products, whose last bits are BLAS's */
static Tensor results_on(int threads, Rounding rounding)
{
    Run *run = run_as(rounding);
    threads_set(threads);
    Tensor x = numbers(ROWS, COLUMNS);
    x = clamp_(clamp(x, (real)-0.9, 1, run), -1, (real)0.9);
    x = to_dtype_(act_fn_(GELU_PYTORCH_TANH, x, run), run);
    softmax_rows_(matrix(x), matrix(numbers(1, COLUMNS)), run);
    threads_set(1);
    return x;
}

START_TEST(operations_have_the_same_bits)
{
    const Rounding roundings[] = { ROUNDING_NONE, ROUNDING_BF16, ROUNDING_FP16 };
    Tensor one = results_on(1, roundings[_i]), three = results_on(3, roundings[_i]);
    ck_assert_mem_eq(one.data, three.data, (size_t)elements(one) * sizeof(real));
}
END_TEST

static const int64_t heights[] = { 1, 3, 40, ROWS };

/* The weight is in float32, and in bfloat16, which few rows read as it lies. */
START_TEST(products_are_the_same)
{
    int64_t height = heights[_i];
    Run *run = run_as(ROUNDING_NONE);
    Tensor x = numbers(height, COLUMNS), weight = numbers(1024, COLUMNS);
    uint16_t *narrow = arena_allocate(&scratch, (size_t)elements(weight) * sizeof *narrow);
    for (int64_t i = 0; i < elements(weight); i++) {
        float value = (float)weight.data[i];
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        narrow[i] = (uint16_t)(bits >> 16);
    }
    Array weights[] = { array_of(weight), array_of(weight) };
    weights[1].dtype = DTYPE_BF16;
    weights[1].data = (const unsigned char *)narrow;
    for (int i = 0; i < COUNT(weights); i++) {
        Tensor alone = linear(x, &weights[i], NULL, run);
        threads_set(3);
        Tensor shared = linear(x, &weights[i], NULL, run);
        threads_set(1);
        for (int64_t j = 0; j < elements(alone); j++)
            assert_near(shared.data[j], alone.data[j], CLOSE * COLUMNS, "product", j);
    }
}
END_TEST

Suite *share_out_suite(void)
{
    Suite *suite = suite_create("share_out");
    TCase *tcase = theme(suite, "parts");
    tcase_add_loop_test(tcase, each_row_once, 0, COUNT(shares));
    tcase_add_test(tcase, parts_run_at_once);
    tcase_add_test(tcase, little_work_stays_with_the_caller);
    tcase_add_test(tcase, shared_inside_of_a_share);
    tcase = theme(suite, "operations");
    tcase_add_loop_test(tcase, operations_have_the_same_bits, 0, 3);
    tcase_add_loop_test(tcase, products_are_the_same, 0, COUNT(heights));
    return suite;
}
