/* test_text_attention_cache.c - with keys and values of the tokens before, and with those that a hook replaced */
#include "gemma4.h"
#include "tiny.h"

enum { BATCH = 2, SEQ = 7 };

#define SHARED "{\"num_kv_shared_layers\": 2}"

static const Gemma4TextAttention *attention(const Tiny *tiny, int layer)
{
    return &tiny->m.model.layers[layer].self_attn;
}

/* Tokens first .. first + seq - 1, the same positions for the whole batch */
static PositionEmbeddings embeddings(const Tiny *tiny, int layer, int first, int seq)
{
    int64_t *positions = arena_allocate(&scratch, (size_t)seq * sizeof *positions);
    for (int i = 0; i < seq; i++) positions[i] = first + i;
    return gemma4_text_rotary_embedding_forward(&tiny->m.model.rotary_emb, positions, 1, seq,
                                                attention(tiny, layer)->layer_type, run_as(ROUNDING_NONE));
}

/* SEQ tokens in passes of these sizes, over a layer; with two tokens of padding to the left of row 1 */
static const struct {
    int layer, passes[SEQ + 1];
} cached[] = {
    { 0, { 1, 1, 1, 1, 1, 1, 1 } },
    { 1, { 1, 1, 1, 1, 1, 1, 1 } },
    { 0, { 5, 1, 1 } },
    { 1, { 5, 1, 1 } },
    { 0, { 2, 3, 2 } },
    { 1, { 2, 3, 2 } },
};

static Tensor mask_for(const Tiny *tiny, int layer, int seq, DynamicCache *cache)
{
    int64_t past = cache ? cache->seq_length : 0, total = past + seq;
    int64_t *attention_mask = arena_allocate(&scratch, (size_t)(BATCH * total) * sizeof *attention_mask);
    for (int64_t i = 0; i < BATCH * total; i++) attention_mask[i] = i / total == 0 || i % total >= 2;
    ForwardArguments a = { .batch = BATCH, .seq = seq, .attention_mask = attention_mask, .past_key_values = cache };
    return create_masks_for_generate("model", &tiny->m.config, &a, NULL, run_as(ROUNDING_NONE))
        .of[attention(tiny, layer)->layer_type];
}

START_TEST(passes_equal_one)
{
    Tiny *tiny = tiny_open("{}");
    int layer = cached[_i].layer, first = 0;
    const Gemma4TextAttention *m = attention(tiny, layer);
    Run *run = run_as(ROUNDING_NONE);
    SharedKvStates shared = { 0 };
    Tensor x = random_values(BATCH, SEQ, TINY_HIDDEN);
    Tensor whole = gemma4_text_attention_forward(
        m, x,
        &(Gemma4TextLayerArguments){ embeddings(tiny, layer, 0, SEQ), mask_for(tiny, layer, SEQ, NULL), &shared, NULL },
        run);
    DynamicCache cache = dynamic_cache_new(&tiny->m.config);
    for (const int *count = cached[_i].passes; *count; first += *count++) {
        Tensor part = gemma4_text_attention_forward(m, narrow(x, 1, first, *count, run),
                                                    &(Gemma4TextLayerArguments){ embeddings(tiny, layer, first, *count),
                                                                                 mask_for(tiny, layer, *count, &cache),
                                                                                 &shared, &cache },
                                                    run);
        cache.seq_length += *count;
        /* not of row 1's padding, which sees nothing, and so everything alike: more or less of it */
        Tensor expected = narrow(whole, 1, first, *count, run);
        for (int64_t i = 0; i < elements(part); i++) {
            int64_t b = i / *count / TINY_HIDDEN, t = first + i / TINY_HIDDEN % *count;
            if (b == 0 || t >= 2) assert_near(part.data[i], expected.data[i], 8 * CLOSE, "part", i);
        }
    }
    ck_assert_int_eq(first, SEQ);
    dynamic_cache_free(&cache);
    tiny_close(tiny);
}
END_TEST

/* ---------------------------------------------------------------- what a hook replaces */

/* The keys of layer 0 become 7; keys and values of layer 2, which shares them, 5. */
static void replace_states(const char *name, real *values, int64_t first, int64_t count)
{
    (void)first;
    bool seven = strcmp(name, "model.layers.0.self_attn#key_states") == 0;
    bool five = strcmp(name, "model.layers.2.self_attn#key_states") == 0 ||
                strcmp(name, "model.layers.2.self_attn#value_states") == 0;
    for (int64_t i = 0; i < count && (seven || five); i++) values[i] = seven ? 7 : 5;
}

static void assert_all(Tensor tensor, double expected, double tolerance, const char *what)
{
    for (int64_t i = 0; i < elements(tensor); i++) assert_near(tensor.data[i], expected, tolerance, what, i);
}

/* Replaced keys are those that are kept, and that shared layers take; what is replaced in a shared layer is its own. */
START_TEST(replaced_keys_are_kept_and_shared)
{
    Tiny *tiny = tiny_open(SHARED);
    SharedKvStates shared = { 0 };
    DynamicCache cache = dynamic_cache_new(&tiny->m.config);
    Recording taps = { .replace = replace_states };
    Run *run = recording_run(&taps, ROUNDING_NONE);
    Tensor x = random_values(BATCH, SEQ, TINY_HIDDEN), none = { 0 };
    for (int layer = 0; layer < 3; layer += 2)
        gemma4_text_attention_forward(
            attention(tiny, layer), x,
            &(Gemma4TextLayerArguments){ embeddings(tiny, layer, 0, SEQ), none, &shared, &cache }, run);
    assert_all(cache.layers[0].keys, 7, 0, "kept key");
    ck_assert_int_eq(cache.layers[0].keys.shape[2], TINY_WINDOW - 1);
    assert_all(tap_of(&taps, "model.layers.2.self_attn#key_states"), 7, 0, "shared key");
    assert_tensor(tap_of(&taps, "model.layers.2.self_attn#value_states"),
                  tap_of(&taps, "model.layers.0.self_attn#value_states"), 0, "shared value");
    assert_all(shared.of[SLIDING_ATTENTION].key_states, 7, 0, "stored key");
    assert_tensor(shared.of[SLIDING_ATTENTION].value_states, tap_of(&taps, "model.layers.0.self_attn#value_states"), 0,
                  "stored value");
    assert_all(tap_of(&taps, "model.layers.2.self_attn#attn_output"), 5, 4 * CLOSE, "output of fives");
    ck_assert_ptr_null(cache.layers[2].keys.data);
    dynamic_cache_free(&cache);
    arena_free(&shared.arena);
    tiny_close(tiny);
}
END_TEST

/* Keys and values of layer 0 become 7.3. */
static void replace_by_no_code(const char *name, real *values, int64_t first, int64_t count)
{
    (void)first;
    bool states = strstr(name, "layers.0.self_attn#key_states") || strstr(name, "layers.0.self_attn#value_states");
    for (int64_t i = 0; i < count && states; i++) values[i] = (real)7.3;
}

/* e4m3 has no 7.3, but 7.5: attention reads that, and shared layers find it. */
START_TEST(cache_of_codes_is_read)
{
    Tiny *tiny = tiny_open(SHARED);
    SharedKvStates shared = { 0 };
    DynamicCache cache = dynamic_cache_new(&tiny->m.config);
    Recording taps = { .replace = replace_by_no_code };
    Run *run = recording_run(&taps, ROUNDING_NONE);
    run->cache = INPUTS_FP8_STATIC;
    Tensor x = random_values(BATCH, SEQ, TINY_HIDDEN), none = { 0 };
    for (int layer = 0; layer < 3; layer += 2)
        gemma4_text_attention_forward(
            attention(tiny, layer), x,
            &(Gemma4TextLayerArguments){ embeddings(tiny, layer, 0, SEQ), none, &shared, &cache }, run);
    assert_all(cache.layers[0].keys, 7.5, 0, "kept key");
    assert_all(cache.layers[0].values, 7.5, 0, "kept value");
    assert_all(tap_of(&taps, "model.layers.0.self_attn#attn_output"), 7.5, 4 * CLOSE, "output");
    assert_all(tap_of(&taps, "model.layers.2.self_attn#key_states"), 7.5, 0, "shared key");
    assert_all(tap_of(&taps, "model.layers.2.self_attn#attn_output"), 7.5, 4 * CLOSE, "output of a shared layer");
    dynamic_cache_free(&cache);
    arena_free(&shared.arena);
    tiny_close(tiny);
}
END_TEST

Suite *text_attention_cache_suite(void)
{
    Suite *suite = suite_create("text_attention_cache");
    TCase *tcase = theme(suite, "forward");
    tcase_add_loop_test(tcase, passes_equal_one, 0, COUNT(cached));
    tcase_add_test(tcase, replaced_keys_are_kept_and_shared);
    tcase_add_test(tcase, cache_of_codes_is_read);
    return suite;
}
