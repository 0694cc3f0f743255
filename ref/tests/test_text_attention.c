/* test_text_attention.c - against naive loops over heads, queries and keys; alone and sharing */
#include "gemma4.h"
#include "recording.h"
#include "tiny.h"

enum { BATCH = 2, SEQ = 7 };

static const Gemma4TextAttention *attention(const Tiny *tiny, int layer)
{
    return &tiny->m.model.layers[layer].self_attn;
}

static const char *path_of(int layer, const char *rest)
{
    return arena_format(&scratch, "model.layers.%d.self_attn%s", layer, rest);
}

/* Tokens first .. first + seq - 1, the same positions for the whole batch */
static PositionEmbeddings embeddings(const Tiny *tiny, int layer, int first, int seq)
{
    int64_t *positions = arena_allocate(&scratch, (size_t)seq * sizeof *positions);
    for (int i = 0; i < seq; i++) positions[i] = first + i;
    return gemma4_text_rotary_embedding_forward(&tiny->m.model.rotary_emb, positions, 1, seq,
                                                attention(tiny, layer)->layer_type, run_as(ROUNDING_NONE));
}

/* A third of the keys are out of reach, another third for each query. */
static Tensor scattered_mask(void)
{
    Tensor mask = new_tensor(run_as(ROUNDING_NONE), BATCH, 1, SEQ, SEQ);
    for (int i = 0; i < BATCH * SEQ * SEQ; i++) mask.data[i] = (i / 5 + i) % 3 == 1 ? REAL_LOWEST : 0;
    return mask;
}

/* ---------------------------------------------------------------- naive */

/* [batch, seq, heads, head_dim] */
static Tensor project(const Tiny *tiny, int layer, const char *name, Tensor x)
{
    const char *weight = arena_format(&scratch, "%s.weight", path_of(layer, name));
    const char *bias = arena_format(&scratch, "%s.bias", path_of(layer, name));
    const Array *b = tiny->m.config.attention_bias ? tiny_array(tiny, bias) : NULL;
    Tensor y = linear(x, tiny_array(tiny, weight), b, run_as(ROUNDING_NONE));
    return view(y, x.shape[0], x.shape[1], -1, attention(tiny, layer)->head_dim);
}

static Tensor normed(const Tiny *tiny, int layer, const char *name, Tensor x)
{
    const char *weight = name ? arena_format(&scratch, "%s.weight", path_of(layer, name)) : NULL;
    return rms_norm(x, weight ? tiny_array(tiny, weight) : NULL, 1e-6, run_as(ROUNDING_NONE));
}

static Tensor turned(const Tiny *tiny, int layer, Tensor x)
{
    PositionEmbeddings e = embeddings(tiny, layer, 0, SEQ);
    apply_rotary_pos_emb_(x, e.cos, e.sin, 0, last(x), run_as(ROUNDING_NONE));
    return x;
}

typedef struct {
    Tensor query, key, value; /* [batch, seq, heads, head_dim] */
} States;

/* key and value of `donor`, which saw `donor_states`; k_eq_v: the values are the keys, before norm and RoPE */
static States naive_states(const Tiny *tiny, int layer, Tensor x, int donor, Tensor donor_states, bool k_eq_v)
{
    return (States){
        turned(tiny, layer, normed(tiny, layer, ".q_norm", project(tiny, layer, ".q_proj", x))),
        turned(tiny, donor, normed(tiny, donor, ".k_norm", project(tiny, donor, ".k_proj", donor_states))),
        normed(tiny, donor, NULL, project(tiny, donor, k_eq_v ? ".k_proj" : ".v_proj", donor_states)),
    };
}

/* -> attn_output [batch, seq, heads * head_dim]; attn_weights [batch, heads, seq, seq] */
static Tensor naive_attention(States s, Tensor mask, Tensor attn_weights)
{
    int64_t heads = s.query.shape[2], kv_heads = s.key.shape[2], dim = s.query.shape[3];
    Tensor output = new_tensor(run_as(ROUNDING_NONE), BATCH, SEQ, heads * dim);
    for (int64_t n = 0; n < BATCH * heads * SEQ; n++) {
        int64_t b = n / heads / SEQ, h = n / SEQ % heads, i = n % SEQ, kv_head = h * kv_heads / heads;
        const real *q = s.query.data + ((b * SEQ + i) * heads + h) * dim;
        real *weights = attn_weights.data + n * SEQ, *to = output.data + ((b * SEQ + i) * heads + h) * dim;
        double score[SEQ], sum = 0;
        for (int64_t j = 0; j < SEQ; j++) {
            const real *k = s.key.data + ((b * SEQ + j) * kv_heads + kv_head) * dim;
            score[j] = 0;
            for (int64_t c = 0; c < dim; c++) score[j] += (double)q[c] * k[c];
            score[j] = mask.data[(b * SEQ + i) * SEQ + j] == 0 ? exp(score[j]) : 0;
            sum += score[j];
        }
        for (int64_t j = 0; j < SEQ; j++) weights[j] = (real)(score[j] / sum);
        for (int64_t c = 0; c < dim; c++) {
            double value = 0;
            for (int64_t j = 0; j < SEQ; j++)
                value += score[j] / sum * s.value.data[((b * SEQ + j) * kv_heads + kv_head) * dim + c];
            to[c] = (real)value;
        }
    }
    return output;
}

/* ---------------------------------------------------------------- one pass */

#define K_EQ_V "{\"attention_k_eq_v\": true, \"num_global_key_value_heads\": 1}"
#define SHARED "{\"num_kv_shared_layers\": 2}"
#define SHARED_K_EQ_V "{\"num_kv_shared_layers\": 2, \"attention_k_eq_v\": true, \"num_global_key_value_heads\": 1}"

static const struct {
    const char *changes;
    int layer, donor;
    bool k_eq_v;
    int groups;
} layers[] = {
    { "{}", 0, 0, false, 2 },
    { "{}", 1, 1, false, 2 },
    { "{\"num_key_value_heads\": 4}", 2, 2, false, 1 },
    { "{\"num_key_value_heads\": 1}", 3, 3, false, 4 },
    { "{\"attention_bias\": true}", 0, 0, false, 2 },
    { K_EQ_V, 1, 1, true, 4 },
    { K_EQ_V, 0, 0, false, 2 }, /* sliding layers keep their v_proj */
    { SHARED, 0, 0, false, 2 },
    { SHARED, 2, 0, false, 2 },
    { SHARED, 3, 1, false, 2 },
    { SHARED_K_EQ_V, 3, 1, true, 4 },
};

START_TEST(forward)
{
    Tiny *tiny = tiny_open(layers[_i].changes);
    int layer = layers[_i].layer, donor = layers[_i].donor;
    const Gemma4TextAttention *m = attention(tiny, layer);
    ck_assert_int_eq(m->num_key_value_groups, layers[_i].groups);
    ck_assert_int_eq(tiny_leftovers(tiny), 0);

    Tensor x = random_values(BATCH, SEQ, TINY_HIDDEN), mask = scattered_mask(), donor_states = x;
    SharedKvStates shared = { 0 };
    if (donor != layer) { /* every layer before, so that the last of the type is the one that counts */
        for (int i = 0; i < 2; i++) {
            Tensor states = random_values(BATCH, SEQ, TINY_HIDDEN);
            gemma4_text_attention_forward(
                attention(tiny, i), states,
                &(Gemma4TextLayerArguments){ embeddings(tiny, i, 0, SEQ), mask, &shared, NULL }, run_as(ROUNDING_NONE));
            if (i == donor) donor_states = states;
        }
    }
    Recording taps = { 0 };
    Tensor y = gemma4_text_attention_forward(
        m, x, &(Gemma4TextLayerArguments){ embeddings(tiny, layer, 0, SEQ), mask, &shared, NULL },
        recording_run(&taps, ROUNDING_NONE));

    Run *plain = run_as(ROUNDING_NONE);
    States s = naive_states(tiny, layer, x, donor, donor_states, layers[_i].k_eq_v);
    Tensor attn_weights = new_tensor(plain, BATCH, TINY_HEADS, SEQ, SEQ);
    Tensor attn_output = naive_attention(s, mask, attn_weights);
    Tensor output = linear_forward(&m->o_proj, attn_output, plain);
    assert_tensor(tap_of(&taps, path_of(layer, "#query_states")), transpose_1_2(s.query, plain), 8 * CLOSE, "query");
    assert_tensor(tap_of(&taps, path_of(layer, "#key_states")), transpose_1_2(s.key, plain), 8 * CLOSE, "key");
    assert_tensor(tap_of(&taps, path_of(layer, "#value_states")), transpose_1_2(s.value, plain), 8 * CLOSE, "value");
    assert_tensor(tap_of(&taps, path_of(layer, "#attn_weights")), attn_weights, 16 * CLOSE, "attn_weights");
    assert_tensor(tap_of(&taps, path_of(layer, "#attn_output")), attn_output, 32 * CLOSE, "attn_output");
    assert_tensor(y, output, 64 * CLOSE, "output");
    assert_tensor(tap_of(&taps, path_of(layer, ".o_proj")), y, 0, "o_proj");
    assert_tensor(tap_of(&taps, path_of(layer, "")), y, 0, "self_attn");
    bool shares = tiny->m.config.num_kv_shared_layers > 0;
    ck_assert((shared.of[m->layer_type].key_states.data != NULL) == shares); /* nothing is stored for nobody */
    arena_free(&shared.arena);
    tiny_close(tiny);
}
END_TEST

/* The modules of a layer, in the order they run; those that a layer does not have do not run. */
static const struct {
    const char *changes;
    int layer;
    const char *names;
} modules[] = {
    { "{}", 0,
      ".q_proj .q_norm .k_proj .v_proj .k_norm .v_norm #query_states #key_states #value_states #attn_weights "
      "#attn_output .o_proj  " },
    { K_EQ_V, 1,
      ".q_proj .q_norm .k_proj .k_norm .v_norm #query_states #key_states #value_states #attn_weights "
      "#attn_output .o_proj  " },
    { SHARED, 2, ".q_proj .q_norm #query_states #key_states #value_states #attn_weights #attn_output .o_proj  " },
};

START_TEST(order_of_taps)
{
    Tiny *tiny = tiny_open(modules[_i].changes);
    int layer = modules[_i].layer;
    SharedKvStates shared = { 0 };
    Tensor x = random_values(BATCH, SEQ, TINY_HIDDEN), none = { 0 };
    gemma4_text_attention_forward(attention(tiny, 0), x,
                                  &(Gemma4TextLayerArguments){ embeddings(tiny, 0, 0, SEQ), none, &shared, NULL },
                                  run_as(ROUNDING_NONE));
    Recording taps = { 0 };
    gemma4_text_attention_forward(attention(tiny, layer), x,
                                  &(Gemma4TextLayerArguments){ embeddings(tiny, layer, 0, SEQ), none, &shared, NULL },
                                  recording_run(&taps, ROUNDING_NONE));
    char names[512] = "";
    for (int i = 0; i < taps.count; i++)
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s ",
                 taps.taps[i].name + strlen(path_of(0, "")));
    ck_assert_str_eq(names, modules[_i].names);
    arena_free(&shared.arena);
    tiny_close(tiny);
}
END_TEST

/* The scaling is 1, and every operation is rounded: compared as bits with the same operations one by one. */
START_TEST(rounded)
{
    Tiny *tiny = tiny_open("{}");
    Run *run = run_as(ROUNDING_BF16);
    SharedKvStates shared = { 0 };
    Recording taps = { 0 };
    Tensor x = to_dtype_(random_values(BATCH, SEQ, TINY_HIDDEN), run), none = { 0 };
    gemma4_text_attention_forward(attention(tiny, 0), x,
                                  &(Gemma4TextLayerArguments){ embeddings(tiny, 0, 0, SEQ), none, &shared, NULL },
                                  recording_run(&taps, ROUNDING_BF16));
    for (int i = 0; i < taps.count; i++) {
        Tensor value = taps.taps[i].value;
        assert_tensor(value, to_dtype_(tensor_clone(value, run), run), 0, taps.taps[i].name);
    }
    ck_assert_double_eq(attention(tiny, 0)->scaling, 1);
    tiny_close(tiny);
}
END_TEST

Suite *text_attention_suite(void)
{
    Suite *suite = suite_create("text_attention");
    TCase *tcase = theme(suite, "forward");
    tcase_add_loop_test(tcase, forward, 0, COUNT(layers));
    tcase_add_loop_test(tcase, order_of_taps, 0, COUNT(modules));
    tcase_add_test(tcase, rounded);
    return suite;
}
