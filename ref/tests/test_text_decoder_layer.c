/* test_text_decoder_layer.c - each module's output from those before it, as the taps of one pass have them */
#include "gemma4.h"
#include "recording.h"
#include "tiny.h"

enum { BATCH = 2, SEQ = 4, PER_LAYER = 5 };

#define PLE "\"hidden_size_per_layer_input\": 5"
#define MOE "\"enable_moe_block\": true, \"num_experts\": 6, \"top_k_experts\": 2, \"moe_intermediate_size\": 5"
#define SHARED "\"num_kv_shared_layers\": 2"

static const struct {
    const char *changes;
    int layer;
    Rounding rounding;
} layers[] = {
    { "{}", 0, ROUNDING_NONE },
    { "{\"rms_norm_eps\": 0.1}", 3, ROUNDING_NONE },
    { "{" PLE "}", 1, ROUNDING_NONE },
    { "{" MOE "}", 1, ROUNDING_NONE },
    { "{" MOE "," PLE ", \"hidden_activation\": \"silu\"}", 2, ROUNDING_NONE },
    { "{" MOE "," PLE "}", 2, ROUNDING_BF16 },
    { "{" SHARED "," PLE "}", 2, ROUNDING_NONE },
};

typedef struct {
    const Tiny *tiny;
    const Recording *taps;
    int layer;
    Run *run;
    double close;
} Layer;

static const char *path_of(const Layer *l, const char *name)
{
    return arena_format(&scratch, "model.layers.%d%s%s", l->layer, *name && *name != '#' ? "." : "", name);
}

static Tensor at(const Layer *l, const char *name) { return tap_of(l->taps, path_of(l, name)); }

static Tensor normed(const Layer *l, const char *name, Tensor x)
{
    const Array *weight = tiny_array(l->tiny, arena_format(&scratch, "%s.weight", path_of(l, name)));
    return rms_norm(x, weight, l->tiny->m.config.rms_norm_eps, l->run);
}

static Tensor projected(const Layer *l, const char *name, Tensor x)
{
    return linear(x, tiny_array(l->tiny, arena_format(&scratch, "%s.weight", path_of(l, name))), NULL, l->run);
}

static void expect(const Layer *l, const char *name, Tensor expected)
{
    assert_tensor(at(l, name), expected, l->close, path_of(l, name));
}

/* residual + post_feedforward_layernorm(..), with what comes before */
static Tensor feedforward(const Layer *l, Tensor residual)
{
    expect(l, "pre_feedforward_layernorm", normed(l, "pre_feedforward_layernorm", residual));
    Tensor sum = at(l, "mlp");
    if (l->tiny->m.config.enable_moe_block) {
        Tensor flat = view(residual, BATCH * SEQ, TINY_HIDDEN);
        expect(l, "post_feedforward_layernorm_1", normed(l, "post_feedforward_layernorm_1", at(l, "mlp")));
        expect(l, "router.norm", rms_norm(flat, NULL, 1e-6, l->run)); /* the hidden states before the MLP */
        expect(l, "pre_feedforward_layernorm_2", normed(l, "pre_feedforward_layernorm_2", flat));
        expect(l, "post_feedforward_layernorm_2",
               normed(l, "post_feedforward_layernorm_2", view(at(l, "experts"), BATCH, SEQ, TINY_HIDDEN)));
        sum = add(at(l, "post_feedforward_layernorm_1"), at(l, "post_feedforward_layernorm_2"), l->run);
    }
    expect(l, "post_feedforward_layernorm", normed(l, "post_feedforward_layernorm", sum));
    return add(residual, at(l, "post_feedforward_layernorm"), l->run);
}

static Tensor per_layer_embedding(const Layer *l, Tensor residual, Tensor per_layer_input)
{
    expect(l, "per_layer_input_gate", projected(l, "per_layer_input_gate", residual));
    Tensor acted = act_fn_(l->tiny->m.config.hidden_activation, tensor_clone(at(l, "per_layer_input_gate"), l->run),
                           l->run);
    expect(l, "act_fn", acted);
    expect(l, "per_layer_projection", projected(l, "per_layer_projection", mul_(acted, per_layer_input, l->run)));
    expect(l, "post_per_layer_input_norm", normed(l, "post_per_layer_input_norm", at(l, "per_layer_projection")));
    return add(residual, at(l, "post_per_layer_input_norm"), l->run);
}

static PositionEmbeddings embeddings(const Tiny *tiny, int layer)
{
    static const int64_t positions[SEQ] = { 0, 1, 2, 3 };
    return gemma4_text_rotary_embedding_forward(&tiny->m.model.rotary_emb, positions, 1, SEQ,
                                                tiny->m.config.layers[layer].layer_type, run_as(ROUNDING_NONE));
}

static Tensor forward(const Tiny *tiny, int layer, Tensor x, Tensor per_layer_input, SharedKvStates *shared, Run *run)
{
    Gemma4TextLayerArguments arguments = { embeddings(tiny, layer), .shared_kv_states = shared };
    return gemma4_text_decoder_layer_forward(&tiny->m.model.layers[layer], x, per_layer_input, &arguments, run);
}

START_TEST(composed)
{
    Tiny *tiny = tiny_open(layers[_i].changes);
    Rounding rounding = layers[_i].rounding;
    SharedKvStates shared = { 0 };
    Recording taps = { 0 };
    Layer l = { tiny, &taps, layers[_i].layer, run_as(rounding), rounding == ROUNDING_NONE ? 16 * CLOSE : 0 };
    Tensor x = to_dtype_(random_values(BATCH, SEQ, TINY_HIDDEN), l.run), before = tensor_clone(x, l.run);
    Tensor per_layer_input = to_dtype_(random_values(BATCH, SEQ, PER_LAYER), l.run);
    for (int i = 0; i < 2; i++) forward(tiny, i, x, per_layer_input, &shared, run_as(rounding)); /* who may store */
    Tensor y = forward(tiny, l.layer, x, per_layer_input, &shared, recording_run(&taps, rounding));
    assert_tensor(x, before, 0, "the residual");

    expect(&l, "input_layernorm", normed(&l, "input_layernorm", x));
    expect(&l, "self_attn.q_proj", projected(&l, "self_attn.q_proj", at(&l, "input_layernorm")));
    expect(&l, "post_attention_layernorm", normed(&l, "post_attention_layernorm", at(&l, "self_attn")));
    Tensor residual = add(x, at(&l, "post_attention_layernorm"), l.run);
    expect(&l, "mlp.gate_proj", projected(&l, "mlp.gate_proj", at(&l, "pre_feedforward_layernorm")));
    residual = feedforward(&l, residual);
    ck_assert(has_tap(&taps, path_of(&l, "act_fn")) == (tiny->m.config.hidden_size_per_layer_input > 0));
    ck_assert(has_tap(&taps, path_of(&l, "router")) == tiny->m.config.enable_moe_block);
    if (tiny->m.config.hidden_size_per_layer_input) residual = per_layer_embedding(&l, residual, per_layer_input);
    Tensor layer_scalar = tiny_weight(tiny, path_of(&l, "layer_scalar"));
    to_dtype_(layer_scalar, l.run);
    expect(&l, "", scale_(residual, layer_scalar.data[0], l.run));
    assert_tensor(y, at(&l, ""), 0, "result");
    arena_free(&shared.arena);
    tiny_close(tiny);
}
END_TEST

/* The experts take what the router chose: with every token sent to expert 3 with weight 2 .. */
static void send_to_three(const char *name, real *values, int64_t first, int64_t count)
{
    (void)first;
    bool index = strcmp(name, "model.layers.1.router#top_k_index") == 0;
    if (!index && strcmp(name, "model.layers.1.router#top_k_weights") != 0) return;
    for (int64_t i = 0; i < count; i++) values[i] = index ? 3 : 2;
}

/* .. their output is twice expert 3's. */
START_TEST(experts_follow_the_router)
{
    Tiny *tiny = tiny_open("{" MOE ", \"top_k_experts\": 1}");
    SharedKvStates shared = { 0 };
    Recording taps = { .replace = send_to_three };
    Run *run = run_as(ROUNDING_NONE);
    forward(tiny, 1, random_values(BATCH, SEQ, TINY_HIDDEN), (Tensor){ 0 }, &shared,
            recording_run(&taps, ROUNDING_NONE));
    const Gemma4TextExperts *m = &tiny->m.model.layers[1].experts;
    Array gate_up_proj = array_at(m->gate_up_proj, 3), down_proj = array_at(m->down_proj, 3);
    Tensor gate_up = linear(tap_of(&taps, "model.layers.1.pre_feedforward_layernorm_2"), &gate_up_proj, NULL, run);
    Tensor gate = act_fn_(GELU_PYTORCH_TANH, narrow(gate_up, 1, 0, 5, run), run);
    Tensor expected = linear(mul_(gate, narrow(gate_up, 1, 5, 5, run), run), &down_proj, NULL, run);
    assert_tensor(tap_of(&taps, "model.layers.1.experts"), scale_(expected, 2, run), 16 * CLOSE, "experts");
    tiny_close(tiny);
}
END_TEST

/* HF has these as modules of a layer, whether or not the file holds more. */
static const struct {
    const char *written, *read, *says;
} missing[] = {
    { "{}", "{\"attention_bias\": true}",
      ": model.layers.0.self_attn.q_proj.bias: found no such tensor, expected [24]" },
    { "{\"attention_bias\": true}", "{\"attention_bias\": true, \"hidden_size\": 11}",
      ": model.embed_tokens.weight: found shape [23, 12], expected [23, 11]" },
    { "{\"attention_k_eq_v\": true}", "{}",
      ": model.layers.1.self_attn.v_proj.weight: found no such tensor, expected "
      "[16, 12]" },
    { "{" SHARED "}", "{}", ": model.layers.2.self_attn.k_norm.weight: found no such tensor, expected [6]" },
    { "{}", "{" PLE "}", ": model.layers.0.per_layer_input_gate.weight: found no such tensor, expected [5, 12]" },
    { "{}", "{" MOE "}", ": model.layers.0.router.proj.weight: found no such tensor, expected [6, 12]" },
    { "{" SHARED "}", "{" SHARED ", \"use_double_wide_mlp\": true}",
      ": model.layers.2.mlp.gate_proj.weight: found shape [10, 12], expected [20, 12]" },
    { "{" MOE "}", "{" MOE ", \"moe_intermediate_size\": 6}",
      ": model.layers.0.experts.gate_up_proj: found shape [6, 10, 12], expected [6, 12, 12]" },
    { "{" MOE "}", "{" MOE ", \"num_experts\": 7}",
      ": model.layers.0.router.proj.weight: found shape [6, 12], expected" },
    { "{}", "{\"global_head_dim\": 10}", ": model.layers.1.self_attn.q_proj.weight: found shape [32, 12], expected" },
    { "{}", "{\"num_key_value_heads\": 1}",
      ": model.layers.0.self_attn.k_proj.weight: found shape [12, 12], expected [6" },
};

START_TEST(weights_do_not_fit)
{
    Error error = { "" };
    tiny_write(missing[_i].written);
    json_t *json = tiny_config(missing[_i].read);
    Checkpoint *checkpoint = checkpoint_open(temporary("model"), &error);
    Gemma4ForCausalLM m = { 0 };
    gemma4_for_causal_lm_load(&m, (Loader){ checkpoint, "", &error },
                              (ConfigReader){ "config.json", "", json, &error });
    assert_refused(&error, temporary("model/model.safetensors"), missing[_i].says);
    checkpoint_close(checkpoint);
    json_decref(json);
}
END_TEST

/* Keys of shared layers may lie in the file, as Hugging Face's own checkpoints have them: they are left over. */
START_TEST(shared_layers_ask_for_no_keys)
{
    Error error = { "" };
    tiny_write("{}");
    json_t *json = tiny_config("{" SHARED "}");
    Tiny tiny = { .checkpoint = checkpoint_open(temporary("model"), &error) };
    gemma4_for_causal_lm_load(&tiny.m, (Loader){ tiny.checkpoint, "", &error },
                              (ConfigReader){ "config.json", "", json, &error });
    assert_clean(&error);
    ck_assert_int_eq(tiny_leftovers(&tiny), 2 * 3); /* k_proj, v_proj and k_norm of two layers */
    checkpoint_close(tiny.checkpoint);
    json_decref(json);
}
END_TEST

Suite *text_decoder_layer_suite(void)
{
    Suite *suite = suite_create("text_decoder_layer");
    TCase *tcase = theme(suite, "forward");
    tcase_add_loop_test(tcase, composed, 0, COUNT(layers));
    tcase_add_test(tcase, experts_follow_the_router);
    tcase = theme(suite, "load");
    tcase_add_loop_test(tcase, weights_do_not_fit, 0, COUNT(missing));
    tcase_add_test(tcase, shared_layers_ask_for_no_keys);
    return suite;
}
