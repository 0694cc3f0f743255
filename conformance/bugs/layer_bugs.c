/* layer_bugs.c - MLP, norms and scalars of a decoder layer, and what vision and text have in common */
#include <math.h>
#include <string.h>

#include "bugs/hooks/bug_hooks.h"

static void layer_scalar_missing(Checkpoint *checkpoint) { fill_weights(checkpoint, "*layers.*.layer_scalar", 1); }

/* The hidden state is multiplied before the per-layer embeddings are added, and not after; in models without them, only
 * the feed-forward part is multiplied, not the residual that it is added to. */
static void layer_scalar_misplaced(BugRun *run, const Tap *tap)
{
    bool is_gate = tap_is_local(tap, "per_layer_input_gate"), is_layer = tap_is_local(tap, "") && tap_layer(tap) >= 0;
    const double *scalar = is_gate || is_layer ? weight_beside(run, tap, "layer_scalar") : NULL;
    if (!scalar) return;
    const Recorded *per_layer = recorded_beside(run, tap, "post_per_layer_input_norm");
    const Recorded *feedforward = recorded_beside(run, tap, "post_feedforward_layernorm");
    for (int64_t i = 0; i < tap->count; i++) {
        double value = tap_value(tap, i);
        if (is_gate)
            value *= *scalar;
        else if (per_layer)
            value += per_layer->values[i] * (1 - *scalar);
        else if (feedforward)
            value = value / *scalar + feedforward->values[i] * (*scalar - 1);
        tap_set(tap, i, value);
    }
}

/* As wide as the layers that are not shared: the second half of the channels does not exist. */
static void double_wide_missing(BugRun *run, const Tap *tap)
{
    if (!tap_is_local(tap, "mlp.act_fn") || strstr(tap->name, "vision_tower")) return;
    int64_t base = (int64_t)text_number(run, "intermediate_size", 0);
    for (int64_t i = 0; i < tap->count; i++)
        if ((tap->first + i) % tap_width(tap) >= base) tap_set(tap, i, 0);
}

static void dense_mlp_silu(BugRun *run, const Tap *tap)
{
    const char *name = json_string_value(json_object_get(text_config(bug_config(run)), "hidden_activation"));
    if (!tap_is_text(tap, ".mlp.act_fn") || (name && strcmp(name, "silu") == 0)) return;
    const Recorded *gate = recorded_beside(run, tap, "mlp.gate_proj");
    for (int64_t i = 0; i < tap->count; i++) tap_set(tap, i, activate(SILU, gate->values[tap->first + i]));
}

/* As in the tower (vision_bugs.c). LayerNorms have a bias. */
static void rmsnorm_one_plus_weight(BugRun *run, const Tap *tap)
{
    if (!tap_is_text(tap, "") || tap_begins(tap->name, "model.embed_audio")) return;
    const char *local = strrchr(tap->name, '.');
    if (!local || !strstr(local, "norm") || strchr(local, '#') || bias_of(run, tap)) return;
    const double *weight = weight_of(run, tap);
    int64_t width = tap_width(tap);
    for (int64_t i = 0; weight && i < tap->count; i++) {
        double w = weight[i % width];
        if (w != 0) tap_set(tap, i, tap_value(tap, i) * (1 + w) / w);
    }
}

/* post_attention_layernorm keeps its own; where other models have a norm of that name, it is the one before the MLP. */
static void pre_ffn_norm_mismapped(Checkpoint *checkpoint)
{
    const char *text = checkpoint_find(checkpoint, "model.layers.0.layer_scalar")
                           ? "model.layers.*.pre_feed*.weight"
                           : "*language_model.*.pre_feed*.weight";
    copy_weights(checkpoint, text, "pre_feedforward_layernorm.weight", "post_attention_layernorm.weight");
}

static void set_both(json_t *config, const char *key, json_t *value)
{
    config_set(text_config(config), key, json_incref(value));
    config_set(vision_config(config), key, value);
}

static void rms_eps_1e_5(json_t *config) { set_both(config, "rms_norm_eps", json_real(1e-5)); }
static void gelu_exact(json_t *config) { set_both(config, "hidden_activation", json_string("gelu")); }

static void qk_norms_swapped(Checkpoint *checkpoint) { swap_weights(checkpoint, "q_norm.weight", "k_norm.weight"); }

const Bug layer_bugs[] = {
    { .id = "layer-scalar-missing",
      .stage = "decoder layer",
      .mechanism = "the hidden state is not multiplied by layer_scalar",
      .source = "no known report; the slot is easy to leave unloaded at 1",
      .exposed_by = "layer_scalar away from 1",
      .weights = layer_scalar_missing },
    { .id = "layer-scalar-misplaced",
      .stage = "decoder layer",
      .mechanism = "layer_scalar multiplies the hidden state before the per-layer embeddings, or one sublayer alone",
      .source = "https://github.com/quantumaikr/quant.cpp/issues/96",
      .sources = 2,
      .exposed_by = "layer_scalar away from 1",
      .tap = layer_scalar_misplaced,
      .needs_in_layer = (const char *const[]){ "*layers.*.post_per_layer_input_norm",
                                               "*layers.*.post_feedforward_layernorm", NULL } },
    { .id = "double-wide-missing",
      .stage = "decoder layer",
      .mechanism = "the MLP of KV-shared layers has the base width instead of twice that",
      .source = "https://github.com/NVIDIA-NeMo/Megatron-Bridge/pull/4683",
      .sources = 1,
      .exposed_by = "use_double_wide_mlp with KV-shared layers",
      .tap = double_wide_missing },
    { .id = "text-rmsnorm-one-plus-weight",
      .stage = "norms",
      .mechanism = "RMSNorm of the text model multiplies by 1 + weight, as in Gemma 1 to 3",
      .source = "https://github.com/huggingface/candle/pull/3968",
      .sources = 1,
      .exposed_by = "any prompt",
      .tap = rmsnorm_one_plus_weight },
    { .id = "dense-mlp-silu",
      .stage = "MLP",
      .mechanism = "the dense MLP of the text model has SiLU in place of GELU by tanh",
      .source = "https://github.com/kekzl/imp/pull/9",
      .sources = 1,
      .exposed_by = "any prompt",
      .tap = dense_mlp_silu,
      .needs_in_layer = (const char *const[]){ "*layers.*.mlp.gate_proj", NULL } },
    { .id = "pre-ffn-norm-mismapped",
      .stage = "decoder layer",
      .mechanism = "pre_feedforward_layernorm has the weight of post_attention_layernorm",
      .source = "https://github.com/NVIDIA-NeMo/Megatron-Bridge/pull/4201",
      .sources = 1,
      .exposed_by = "norm weights that differ",
      .weights = pre_ffn_norm_mismapped },
    { .id = "gelu-exact",
      .stage = "MLP",
      .mechanism = "GELU by erf in place of the tanh approximation",
      .source = "https://github.com/tenstorrent/tt-metal/pull/46247",
      .sources = 2,
      .exposed_by = "hidden_activation gelu_pytorch_tanh",
      .config = gelu_exact },
    { .id = "rms-eps-1e-5",
      .stage = "norms",
      .mechanism = "RMSNorm adds 1e-5 to the mean square, not 1e-6",
      .source = "https://github.com/ggml-org/llama.cpp/pull/23815",
      .sources = 1,
      .exposed_by = "rows with a small mean square",
      .config = rms_eps_1e_5 },
    { .id = "qk-norms-swapped",
      .stage = "attention",
      .mechanism = "the weights of q_norm and k_norm are exchanged",
      .source = "no known report; both have the same shape",
      .exposed_by = "q_norm and k_norm weights that differ",
      .weights = qk_norms_swapped },
    { 0 },
};
