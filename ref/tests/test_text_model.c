/* test_text_model.c - embeddings, layers and norm, as the taps of one pass have them */
#include "gemma4.h"
#include "tiny.h"

enum { BATCH = 2, SEQ = 6, PER_LAYER = 5 };

#define PLE "\"hidden_size_per_layer_input\": 5"
#define SHARED "\"num_kv_shared_layers\": 2"

static ForwardArguments prompt(void) { return (ForwardArguments){ BATCH, SEQ, .input_ids = tiny_ids(BATCH * SEQ) }; }

static Tensor forward(const Tiny *tiny, const ForwardArguments *arguments, Run *run)
{
    Tensor none = { 0 };
    return gemma4_text_model_forward(&tiny->m.model, arguments, none, none, NULL, run);
}

static Tensor normed(const Tiny *tiny, const char *path, Tensor x, Run *run)
{
    return rms_norm(x, tiny_array(tiny, arena_format(&scratch, "%s.weight", path)), 1e-6, run);
}

static const char *layer_path(int layer, const char *rest)
{
    return arena_format(&scratch, "model.layers.%d%s", layer, rest);
}

static const char *const configurations[] = {
    "{}",
    "{" PLE "}",
    "{" PLE "," SHARED "}",
    "{\"num_hidden_layers\": 1, \"layer_types\": [\"full_attention\"]}",
};

START_TEST(layer_after_layer)
{
    Tiny *tiny = tiny_open(configurations[_i]);
    Recording taps = { 0 };
    Run *run = run_as(ROUNDING_NONE);
    ForwardArguments arguments = prompt();
    Tensor y = forward(tiny, &arguments, recording_run(&taps, ROUNDING_NONE)), x = tap_of(&taps, "model.embed_tokens");
    assert_tensor(
        x, gemma4_text_scaled_word_embedding_forward(&tiny->m.model.embed_tokens, arguments.input_ids, BATCH, SEQ, run),
        0, "embed_tokens");
    for (int i = 0; i < tiny->m.config.num_hidden_layers; i++) {
        Tensor input = tap_of(&taps, layer_path(i, ".input_layernorm"));
        assert_tensor(input, normed(tiny, layer_path(i, ".input_layernorm"), x, run), 16 * CLOSE, "input");
        /* a norm takes no notice of its input's size; the residual does */
        x = add(x, tap_of(&taps, layer_path(i, ".post_attention_layernorm")), run);
        Tensor residual = tap_of(&taps, layer_path(i, ".pre_feedforward_layernorm"));
        assert_tensor(residual, normed(tiny, layer_path(i, ".pre_feedforward_layernorm"), x, run), 16 * CLOSE,
                      "residual");
        x = tap_of(&taps, layer_path(i, ""));
    }
    assert_tensor(tap_of(&taps, "model.norm"), normed(tiny, "model.norm", x, run), 16 * CLOSE, "norm");
    assert_tensor(tap_of(&taps, "model"), tap_of(&taps, "model.norm"), 0, "model");
    assert_tensor(y, tap_of(&taps, "model"), 0, "last_hidden_state");
    ck_assert(has_tap(&taps, "model#per_layer_inputs") == (tiny->m.config.hidden_size_per_layer_input > 0));
    ck_assert_int_eq(tiny_leftovers(tiny), 0);
    tiny_close(tiny);
}
END_TEST

/* A layer has the mask and the angles of its own type. */
START_TEST(each_layer_by_its_type)
{
    Tiny *tiny = tiny_open("{}");
    Recording taps = { 0 };
    ForwardArguments arguments = prompt();
    forward(tiny, &arguments, recording_run(&taps, ROUNDING_NONE));
    for (int i = 0; i < TINY_LAYERS; i++) {
        const char *type = layer_type_names[i % 2 ? FULL_ATTENTION : SLIDING_ATTENTION];
        Tensor mask = tap_of(&taps, arena_format(&scratch, "model#causal_mask_mapping.%s", type));
        Tensor weights = tap_of(&taps, layer_path(i, ".self_attn#attn_weights"));
        for (int64_t j = 0; j < elements(weights); j++) {
            int64_t cell = j / (TINY_HEADS * SEQ * SEQ) * SEQ * SEQ + j % (SEQ * SEQ);
            ck_assert_msg((weights.data[j] > 0) == (mask.data[cell] == 1), "layer %d looks elsewhere", i);
        }
        Tensor cos = tap_of(&taps, arena_format(&scratch, "model.rotary_emb#%s_cos", type));
        Tensor sin = tap_of(&taps, arena_format(&scratch, "model.rotary_emb#%s_sin", type));
        Tensor query = tensor_clone(tap_of(&taps, layer_path(i, ".self_attn.q_norm")), run_as(ROUNDING_NONE));
        apply_rotary_pos_emb_(query, cos, sin, 0, last(query), run_as(ROUNDING_NONE));
        assert_tensor(tap_of(&taps, layer_path(i, ".self_attn#query_states")),
                      transpose_1_2(query, run_as(ROUNDING_NONE)), CLOSE, "query");
    }
    tiny_close(tiny);
}
END_TEST

/* (norm(per_layer_model_projection(inputs_embeds) * hidden^-0.5) + looked up by token) * 2^-0.5; layer i has part i */
static const Rounding roundings[] = { ROUNDING_NONE, ROUNDING_BF16 };

START_TEST(per_layer_inputs)
{
    Tiny *tiny = tiny_open("{" PLE ", \"hidden_activation\": \"silu\"}");
    Rounding rounding = roundings[_i];
    double close = rounding == ROUNDING_NONE ? 16 * CLOSE : 0;
    Run *run = run_as(rounding);
    Recording taps = { 0 };
    ForwardArguments arguments = prompt();
    forward(tiny, &arguments, recording_run(&taps, rounding));

    Tensor projection = linear(tap_of(&taps, "model.embed_tokens"),
                               tiny_array(tiny, "model.per_layer_model_projection.weight"), NULL, run);
    assert_tensor(tap_of(&taps, "model.per_layer_model_projection"), projection, close, "projection");
    projection = scale_(view(projection, BATCH, SEQ, TINY_LAYERS, PER_LAYER), pow(TINY_HIDDEN, -0.5), run);
    projection = normed(tiny, "model.per_layer_projection_norm", projection, run);
    assert_tensor(tap_of(&taps, "model.per_layer_projection_norm"), projection, close, "norm");
    Tensor looked_up = view(tap_of(&taps, "model.embed_tokens_per_layer"), BATCH, SEQ, TINY_LAYERS, PER_LAYER);
    Tensor sum = scale_(add(projection, looked_up, run), pow(2, -0.5), run);
    assert_tensor(tap_of(&taps, "model#per_layer_inputs"), sum, close, "sum");

    for (int i = 0; i < TINY_LAYERS; i++) {
        Tensor part = view(narrow(sum, 2, i, 1, run), BATCH, SEQ, PER_LAYER);
        Tensor gated = mul_(tensor_clone(tap_of(&taps, layer_path(i, ".act_fn")), run), part, run);
        Tensor expected = linear(gated, tiny_array(tiny, layer_path(i, ".per_layer_projection.weight")), NULL, run);
        assert_tensor(tap_of(&taps, layer_path(i, ".per_layer_projection")), expected, 4 * close, "layer");
    }
    tiny_close(tiny);
}
END_TEST

/* Values that the caller has made are not made again. */
START_TEST(given)
{
    Tiny *tiny = tiny_open("{" PLE "}");
    Run *run = run_as(ROUNDING_NONE);
    Recording taps = { 0 }, others = { 0 };
    ForwardArguments arguments = prompt();
    Tensor expected = forward(tiny, &arguments, recording_run(&others, ROUNDING_NONE));
    Tensor inputs_embeds = gemma4_text_scaled_word_embedding_forward(&tiny->m.model.embed_tokens, arguments.input_ids,
                                                                     BATCH, SEQ, run);
    Tensor per_layer_inputs = get_per_layer_inputs(&tiny->m.model, arguments.input_ids, BATCH, SEQ, run);
    CausalMaskMapping masks = create_masks_for_generate("model", &tiny->m.config, &arguments, NULL, run);
    arguments.input_ids = NULL;
    Tensor found = gemma4_text_model_forward(&tiny->m.model, &arguments, inputs_embeds, per_layer_inputs, &masks,
                                             recording_run(&taps, ROUNDING_NONE));
    assert_tensor(found, expected, 0, "last_hidden_state");
    ck_assert_int_eq(taps.count, others.count - 4); /* embed_tokens, embed_tokens_per_layer, two masks */
    tiny_close(tiny);
}
END_TEST

/* ---------------------------------------------------------------- positions */

START_TEST(positions_count_from_the_cache)
{
    Tiny *tiny = tiny_open("{}");
    DynamicCache cache = dynamic_cache_new(&tiny->m.config);
    ForwardArguments arguments = prompt();
    arguments.past_key_values = &cache;
    for (int past = 0; past <= SEQ; past += SEQ) {
        ck_assert_int_eq(cache.seq_length, past);
        Recording taps = { 0 };
        forward(tiny, &arguments, recording_run(&taps, ROUNDING_NONE));
        Tensor cosines = tap_of(&taps, "model.rotary_emb#sliding_attention_cos");
        ck_assert_mem_eq(cosines.shape, ((int64_t[]){ 1, SEQ, TINY_SLIDING_DIM }), 3 * sizeof *cosines.shape);
        for (int i = 0; i < SEQ; i++)
            assert_near(cosines.data[i * TINY_SLIDING_DIM], cos(past + i), CLOSE, "cos of the first frequency", i);
    }
    ck_assert_int_eq(cache.seq_length, 2 * SEQ);
    dynamic_cache_free(&cache);
    tiny_close(tiny);
}
END_TEST

START_TEST(positions_given)
{
    static const int64_t positions[BATCH * SEQ] = { 0, 0, 0, 1, 2, 3, 9, 8, 7, 6, 5, 4 };
    Tiny *tiny = tiny_open("{}");
    Recording taps = { 0 };
    ForwardArguments arguments = prompt();
    arguments.position_ids = positions;
    forward(tiny, &arguments, recording_run(&taps, ROUNDING_NONE));
    Tensor cosines = tap_of(&taps, "model.rotary_emb#full_attention_cos");
    ck_assert_mem_eq(cosines.shape, ((int64_t[]){ BATCH, SEQ, TINY_FULL_DIM }), 3 * sizeof *cosines.shape);
    for (int i = 0; i < BATCH * SEQ; i++)
        assert_near(cosines.data[i * TINY_FULL_DIM], cos((double)positions[i]), CLOSE, "cos", i);
    tiny_close(tiny);
}
END_TEST

/* ---------------------------------------------------------------- logits_to_keep */

static const struct {
    const char *changes;
    int logits_to_keep;
    int seq;  /* of the prompt */
    int kept; /* tokens that layer 2, the first shared one, sees; and norm */
} slices[] = {
    { "{" SHARED "}", 1, SEQ, 1 },       { "{" SHARED "," PLE "}", 2, SEQ, 2 }, { "{" SHARED "}", 0, SEQ, SEQ },
    { "{" SHARED "}", SEQ, SEQ, SEQ },   { "{" SHARED "}", 99, SEQ, SEQ },      { "{" SHARED "}", 1, 1, 1 },
    { "{" SHARED "}", SEQ - 1, SEQ, 5 }, { "{" PLE "}", 1, SEQ, SEQ }, /* no shared layers: nothing is left out */
};

static Tensor last_tokens(Tensor x, int dim, int64_t count)
{
    return narrow(x, dim, x.shape[dim] - count, count, run_as(ROUNDING_NONE));
}

START_TEST(shared_layers_see_the_last_tokens)
{
    Tiny *tiny = tiny_open(slices[_i].changes);
    Recording all = { 0 }, some = { 0 };
    int kept = slices[_i].kept;
    ForwardArguments arguments = prompt();
    arguments.seq = slices[_i].seq;
    Tensor expected = forward(tiny, &arguments, recording_run(&all, ROUNDING_NONE));
    arguments.logits_to_keep = slices[_i].logits_to_keep;
    Tensor found = forward(tiny, &arguments, recording_run(&some, ROUNDING_NONE));
    assert_tensor(found, last_tokens(expected, 1, kept), 32 * CLOSE, "last_hidden_state");
    ck_assert_int_eq(some.count, all.count);
    for (int i = 0; i < all.count; i++) {
        RecordedTap *a = &all.taps[i], *b = &some.taps[i];
        ck_assert_str_eq(a->name, b->name);
        bool shared = strncmp(a->name, "model.layers.2", 14) == 0 || strncmp(a->name, "model.layers.3", 14) == 0 ||
                      strcmp(a->name, "model.norm") == 0 || strcmp(a->name, "model") == 0;
        bool by_head = strstr(a->name, "#query_states") || strstr(a->name, "#attn_weights");
        bool of_keys = strstr(a->name, "#key_states") || strstr(a->name, "#value_states");
        Tensor whole = shared && !of_keys ? last_tokens(a->value, by_head ? 2 : 1, kept) : a->value;
        assert_tensor(b->value, whole, 32 * CLOSE, a->name);
    }
    tiny_close(tiny);
}
END_TEST

/* Cut to the last tokens, each layer type's tables go with them: tokens at uneven positions, padded to the left. */
START_TEST(slices_go_together)
{
    static const int64_t mask[BATCH * SEQ] = { 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1 };
    static const int64_t positions[BATCH * SEQ] = { 0, 2, 4, 6, 8, 11, 0, 0, 0, 5, 6, 7 };
    Tiny *tiny = tiny_open("{" SHARED ", \"num_kv_shared_layers\": 2}");
    ForwardArguments arguments = prompt();
    arguments.attention_mask = mask;
    arguments.position_ids = positions;
    Tensor expected = forward(tiny, &arguments, run_as(ROUNDING_NONE));
    arguments.logits_to_keep = 3;
    assert_tensor(forward(tiny, &arguments, run_as(ROUNDING_NONE)), last_tokens(expected, 1, 3), 32 * CLOSE, "last");
    tiny_close(tiny);
}
END_TEST

/* ---------------------------------------------------------------- cache and memory */

START_TEST(shared_layers_keep_nothing)
{
    Tiny *tiny = tiny_open("{" SHARED "}");
    DynamicCache cache = dynamic_cache_new(&tiny->m.config);
    ForwardArguments arguments = prompt();
    arguments.past_key_values = &cache;
    forward(tiny, &arguments, run_as(ROUNDING_NONE));
    ck_assert_int_eq(cache.layers[0].keys.shape[2], TINY_WINDOW - 1);
    ck_assert_int_eq(cache.layers[1].keys.shape[2], SEQ);
    ck_assert_ptr_null(cache.layers[2].keys.data);
    ck_assert_ptr_null(cache.layers[3].keys.data);
    dynamic_cache_free(&cache);
    tiny_close(tiny);
}
END_TEST

/* Weights of 8 MiB. Behind a prefill no more of them is in memory than norm and what lies around it; a decode step lets
 * nothing go, as the next one reads it all again. */
START_TEST(layers_let_go_of_their_weights)
{
    Tiny *tiny = tiny_open("{\"intermediate_size\": 16384}");
    const unsigned char *weights = tiny_array(tiny, "model.layers.0.mlp.gate_proj.weight")->data;
    ForwardArguments arguments = prompt();
    Tensor first = forward(tiny, &arguments, run_as(ROUNDING_NONE));
    size_t after_prefill = resident(weights);
    ck_assert_uint_lt(after_prefill, 1 << 20);
    assert_tensor(forward(tiny, &arguments, run_as(ROUNDING_NONE)), first, 0, "again");
    arguments.seq = 1;
    forward(tiny, &arguments, run_as(ROUNDING_NONE));
    ck_assert_uint_gt(resident(weights), 4 << 20);
    tiny_close(tiny);
}
END_TEST

Suite *text_model_suite(void)
{
    Suite *suite = suite_create("text_model");
    TCase *tcase = theme(suite, "forward");
    tcase_add_loop_test(tcase, layer_after_layer, 0, COUNT(configurations));
    tcase_add_test(tcase, each_layer_by_its_type);
    tcase_add_loop_test(tcase, per_layer_inputs, 0, COUNT(roundings));
    tcase_add_test(tcase, given);
    tcase_add_test(tcase, positions_count_from_the_cache);
    tcase_add_test(tcase, positions_given);
    tcase = theme(suite, "logits_to_keep");
    tcase_add_loop_test(tcase, shared_layers_see_the_last_tokens, 0, COUNT(slices));
    tcase_add_test(tcase, slices_go_together);
    tcase = theme(suite, "memory");
    tcase_add_test(tcase, shared_layers_keep_nothing);
    tcase_add_test(tcase, layers_let_go_of_their_weights);
    return suite;
}
