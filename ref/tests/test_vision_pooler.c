/* test_vision_pooler.c - which patches become which soft token, and what it is */
#include "gemma4.h"

#include "helpers.h"

static const struct {
    int64_t patches, length, kernel;
} kernels[] = {
    { 18, 2, 3 }, { 9, 1, 3 },  { 45, 5, 3 }, { 16, 4, 2 }, { 7, 7, 1 },
    { 1, 1, 1 },  { 17, 1, 0 }, { 19, 2, 0 }, { 12, 2, 0 }, /* no square */
    { 8, 0, 0 },  { 0, 0, 0 },  { 4, 5, 0 },
};

START_TEST(kernel)
{
    ck_assert_int_eq(gemma4_vision_pooler_kernel(kernels[_i].patches, kernels[_i].length), kernels[_i].kernel);
}
END_TEST

/* Patches of a width x height grid, row-major, then `padding` of (-1, -1). */
static PositionIds grid(int64_t width, int64_t height, int64_t padding)
{
    int64_t patches = width * height + padding, *xy = arena_allocate(&scratch, (size_t)(2 * patches) * sizeof *xy);
    for (int64_t i = 0; i < patches; i++) {
        xy[2 * i] = i < width * height ? i % width : -1;
        xy[2 * i + 1] = i < width * height ? i / width : -1;
    }
    return (PositionIds){ xy, 1, patches };
}

/* HF: x // k + (max_x // k) * (y // k), where max_x is the largest x plus 1. On an odd grid columns beyond the last
 * whole kernel fall into the next row's first token. */
static const struct {
    int64_t width, height, padding, k;
    int64_t expected[18];
} grids[] = {
    { 6, 3, 0, 3, { 0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1 } },
    { 3, 3, 9, 3, { 0 } },
    { 4, 4, 0, 2, { 0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 3, 3, 2, 2, 3, 3 } },
    { 5, 2, 0, 2, { 0, 0, 1, 1, 2, 0, 0, 1, 1, 2 } },
    { 5, 3, 0, 2, { 0, 0, 1, 1, 2, 0, 0, 1, 1, 2, 2, 2, 3, 3, 4 } },
    { 2, 4, 0, 3, { 0 } }, /* narrower than a kernel: every row is the first */
    { 3, 2, 1, 1, { 0, 1, 2, 3, 4, 5, 0 } },
};

START_TEST(kernel_idxs)
{
    PositionIds ids = grid(grids[_i].width, grids[_i].height, grids[_i].padding);
    int64_t found[18];
    gemma4_vision_pooler_kernel_idxs(found, ids.xy, ids.patches, grids[_i].k);
    for (int64_t i = 0; i < ids.patches; i++)
        assert_near((double)found[i], (double)grids[_i].expected[i], 0, "patch", i);
}
END_TEST

static void look_at_mask(void *context, const Tap *tap)
{
    if (strcmp(tap->name, "pooler#mask") == 0) *(int64_t *)context = tap->count;
}

static Tensor pooled(Tensor hidden_states, PositionIds ids, int64_t length, const bool **mask, int64_t *mask_seen)
{
    Gemma4VisionPooler pooler = { "pooler", (int)last(hidden_states) };
    bool *padding = arena_allocate(&scratch, (size_t)ids.patches);
    for (int64_t i = 0; i < ids.patches; i++) padding[i] = ids.xy[2 * i] < 0;
    Run *run = run_as(ROUNDING_NONE);
    run->hook = look_at_mask;
    run->hook_context = mask_seen;
    *mask_seen = 0;
    Pooled pooled = gemma4_vision_pooler_forward(&pooler, hidden_states, ids, padding, length, run);
    *mask = pooled.mask;
    return pooled.hidden_states;
}

/* The mean of 3 x 3 patches times sqrt(4); padding has no value, though it falls into the first token. */
START_TEST(means)
{
    const bool *mask;
    int64_t mask_seen;
    Tensor x = random_values(1, 18, 4), before = clamp(x, -1, 1, run_as(ROUNDING_NONE));
    Tensor y = pooled(x, grid(3, 3, 9), 2, &mask, &mask_seen);
    for (int64_t j = 0; j < 4; j++) {
        double sum = 0;
        for (int64_t i = 0; i < 9; i++) sum += before.data[i * 4 + j];
        assert_near(y.data[j], 2 * sum / 9, CLOSE, "mean", j);
        assert_near(y.data[4 + j], 0, 0, "empty token", j);
    }
    ck_assert(mask[0] && !mask[1]);
    ck_assert_int_eq(mask_seen, 2);
    ck_assert_mem_eq(x.data, before.data, 18 * 4 * sizeof(real));
}
END_TEST

/* HF hands padding_positions on as the mask when there is nothing to pool. */
START_TEST(nothing_to_pool)
{
    const bool *mask;
    int64_t mask_seen;
    Tensor x = random_values(1, 3, 4), y = pooled(x, grid(2, 1, 1), 3, &mask, &mask_seen);
    ck_assert_int_eq(y.shape[1], 3);
    for (int64_t i = 0; i < 12; i++) assert_near(y.data[i], i < 8 ? 2 * x.data[i] : 0, CLOSE, "token", i);
    ck_assert(!mask[0] && !mask[1] && mask[2]);
    ck_assert_int_eq(mask_seen, 0);
}
END_TEST

Suite *vision_pooler_suite(void)
{
    Suite *suite = suite_create("vision_pooler");
    TCase *tcase = theme(suite, "places");
    tcase_add_loop_test(tcase, kernel, 0, COUNT(kernels));
    tcase_add_loop_test(tcase, kernel_idxs, 0, COUNT(grids));
    tcase = theme(suite, "forward");
    tcase_add_test(tcase, means);
    tcase_add_test(tcase, nothing_to_pool);
    return suite;
}
