/* test_dynamic_cache.c - what is kept of the tokens before */
#include "gemma4.h"

#include "helpers.h"
#include "nn/nn.h"

enum { BATCH = 2, HEADS = 2, DIM = 3, WINDOW = 4 };

/* Layer 0 is sliding, layer 1 full. */
static Gemma4TextLayerConfig layers[] = { { .layer_type = SLIDING_ATTENTION }, { .layer_type = FULL_ATTENTION } };

static DynamicCache new_cache(int window)
{
    return dynamic_cache_new(&(Gemma4TextConfig){ .num_hidden_layers = 2, .sliding_window = window, .layers = layers });
}

/* Keys of `count` tokens from token `first` on: element 0 of each head's row says which token it is. */
static Tensor tokens(int first, int count, int head_dim)
{
    Tensor states = random_values(BATCH, HEADS, count, head_dim);
    for (int64_t i = 0; i < rows(states); i++)
        states.data[i * head_dim] = (real)(100 * (i / count) + first + i % count);
    return states;
}

/* One forward pass of a layer; -> keys, and checks that values go with them */
static Tensor pass(DynamicCache *cache, int layer, int first, int count)
{
    Run *run = run_as(ROUNDING_NONE);
    Tensor keys = tokens(first, count, DIM), values = scale_(tensor_clone(keys, run), -1, run);
    dynamic_cache_update(cache, layer, &keys, &values, run);
    dynamic_cache_keep(cache, layer, keys, values);
    assert_tensor(scale_(values, -1, run), keys, 0, "values");
    return keys;
}

/* Heads hold the tokens first .. first + count - 1. */
static void assert_tokens(Tensor keys, int first, int count)
{
    ck_assert_int_eq(keys.rank, 4);
    ck_assert_mem_eq(keys.shape, ((int64_t[]){ BATCH, HEADS, count, DIM }), 4 * sizeof *keys.shape);
    for (int64_t i = 0; i < rows(keys); i++)
        assert_near(keys.data[i * DIM], (double)(100 * (i / count) + first + i % count), 0, "token", i);
}

START_TEST(full_layer_keeps_all)
{
    DynamicCache cache = new_cache(WINDOW);
    assert_tokens(pass(&cache, 1, 0, 6), 0, 6);
    for (int n = 6; n < 12; n++) assert_tokens(pass(&cache, 1, n, 1), 0, n + 1);
    assert_tokens(pass(&cache, 1, 12, 3), 0, 15);
    ck_assert_ptr_null(cache.layers[0].keys.data); /* layers do not mix */
    dynamic_cache_free(&cache);
}
END_TEST

/* A prefill sees all of itself; behind it are the last window - 1 tokens. */
static const int prefills[] = { 1, 2, 3, 4, 5, 9 };

START_TEST(sliding_layer_keeps_its_window)
{
    DynamicCache cache = new_cache(WINDOW);
    int n = prefills[_i];
    assert_tokens(pass(&cache, 0, 0, n), 0, n);
    for (; n < 12; n++) {
        int kept = n < WINDOW - 1 ? n : WINDOW - 1;
        assert_tokens(pass(&cache, 0, n, 1), n - kept, kept + 1);
    }
    assert_tokens(pass(&cache, 0, 12, 2), 12 - (WINDOW - 1), WINDOW + 1);
    dynamic_cache_free(&cache);
}
END_TEST

START_TEST(window_of_one_keeps_nothing)
{
    DynamicCache cache = new_cache(1);
    for (int n = 0; n < 3; n++) assert_tokens(pass(&cache, 0, n, 1), n, 1);
    dynamic_cache_free(&cache);
}
END_TEST

/* Kept tokens lie in memory of their own: the pass's arena may be released. */
START_TEST(states_may_go)
{
    DynamicCache cache = new_cache(WINDOW);
    Run *run = run_as(ROUNDING_NONE);
    Tensor keys = tokens(0, 2, DIM), values = tokens(0, 2, DIM), more = tokens(2, 1, DIM), others = tokens(2, 1, DIM);
    dynamic_cache_keep(&cache, 0, keys, values);
    for (int64_t i = 0; i < elements(keys); i++) keys.data[i] = values.data[i] = NAN;
    dynamic_cache_update(&cache, 0, &more, &others, run);
    assert_tokens(more, 0, 3);
    assert_tokens(others, 0, 3);
    dynamic_cache_free(&cache);
    ck_assert_ptr_null(cache.layers);
}
END_TEST

/* Before anything is kept, keys go through as they are. */
START_TEST(first_update_copies_nothing)
{
    DynamicCache cache = new_cache(WINDOW);
    Tensor keys = tokens(0, 2, DIM), values = tokens(0, 2, DIM), before = keys;
    dynamic_cache_update(&cache, 0, &keys, &values, run_as(ROUNDING_NONE));
    ck_assert_ptr_eq(keys.data, before.data);
    dynamic_cache_free(&cache);
}
END_TEST

/* Tokens seen, and what layers of each type hold of them */
static const struct {
    int64_t seen, full, sliding;
} kept[] = { { 0, 0, 0 }, { 1, 1, 1 }, { 2, 2, 2 }, { 3, 3, 3 }, { 4, 4, 3 }, { 50, 50, 3 } };

START_TEST(tokens_kept)
{
    DynamicCache cache = new_cache(WINDOW);
    cache.seq_length = kept[_i].seen;
    ck_assert_int_eq(dynamic_cache_kept(&cache, FULL_ATTENTION), kept[_i].full);
    ck_assert_int_eq(dynamic_cache_kept(&cache, SLIDING_ATTENTION), kept[_i].sliding);
    ck_assert_int_eq(dynamic_cache_kept(NULL, FULL_ATTENTION), 0);
    dynamic_cache_free(&cache);
}
END_TEST

Suite *dynamic_cache_suite(void)
{
    Suite *suite = suite_create("dynamic_cache");
    TCase *tcase = theme(suite, "kept");
    tcase_add_test(tcase, full_layer_keeps_all);
    tcase_add_loop_test(tcase, sliding_layer_keeps_its_window, 0, COUNT(prefills));
    tcase_add_test(tcase, window_of_one_keeps_nothing);
    tcase_add_loop_test(tcase, tokens_kept, 0, COUNT(kept));
    tcase = theme(suite, "memory");
    tcase_add_test(tcase, states_may_go);
    tcase_add_test(tcase, first_update_copies_nothing);
    return suite;
}
