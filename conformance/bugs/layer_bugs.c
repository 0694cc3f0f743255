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

/* ---------------------------------------------------------------- variance */

/* The norms of the hidden state in a layer, and what each sees: that tap, and the residual where it is added */
static const struct {
    const char *norm, *input;
    bool residual;
} layer_norms[] = {
    { "input_layernorm", NULL, true },
    { "post_attention_layernorm", "self_attn.o_proj", false },
    { "pre_feedforward_layernorm", "post_attention_layernorm", true },
    { "pre_feedforward_layernorm_2", "post_attention_layernorm", true },
    { "post_feedforward_layernorm_1", "mlp.down_proj", false },
    { "post_feedforward_layernorm_2", "experts", false },
    { "post_feedforward_layernorm", "mlp.down_proj", false },
    { "post_per_layer_input_norm", "per_layer_projection", false },
};

static const Recorded *last_layer(BugRun *run, const Tap *tap)
{
    char name[256];
    const char *norm = strrchr(tap->name, '.');
    snprintf(name, sizeof name, "%.*s.layers.%d", (int)(norm - tap->name), tap->name,
             (int)text_number(run, "num_hidden_layers", 0) - 1);
    return recorded(run, tap, name);
}

/* Sums are held as the class holds them, in the double pass too: what rounding does to them decides which way a
 * variance near the middle of two bfloat16 is rounded. */
static void add_rows(BugRun *run, const Recorded *from, int64_t rows, double *sum)
{
    int64_t width = from->shape[from->rank - 1], all = 1, batch = from->rank > 2 ? from->shape[0] : 1;
    for (int d = 0; d < from->rank - 1; d++) all *= from->shape[d];
    int64_t queries = rows / batch, held = all / batch; /* which may be more than the last ones that the norm sees */
    for (int64_t i = 0; i < rows; i++) {
        const double *row = recorded_row(from, i / queries * held + held - queries + i % queries);
        for (int64_t j = 0; j < width; j++) sum[i * width + j] = as_weight(run, sum[i * width + j] + row[j]);
    }
}

/* The input of the norm that the tap is of, [rows, width]; NULL if that is no norm of the hidden state */
static double *norm_input(BugRun *run, const Tap *tap)
{
    bool known = false;
    double *sum = scratch_row(run, tap->count);
    for (int64_t i = 0; i < tap->count; i++) sum[i] = 0;
    const Recorded *experts = recorded_beside(run, tap, "post_feedforward_layernorm_2");
    if (tap_layer(tap) < 0 && tap_is_text(tap, ".norm")) {
        const Recorded *hidden_states = last_layer(run, tap);
        if (hidden_states) add_rows(run, hidden_states, tap_rows(tap), sum);
        return hidden_states ? sum : NULL;
    }
    if (experts && tap_is_local(tap, "post_feedforward_layernorm")) {
        add_rows(run, recorded_beside(run, tap, "post_feedforward_layernorm_1"), tap_rows(tap), sum);
        add_rows(run, experts, tap_rows(tap), sum);
        return sum;
    }
    for (size_t n = 0; n < sizeof layer_norms / sizeof *layer_norms; n++) {
        if (!tap_is_local(tap, layer_norms[n].norm)) continue;
        const Recorded *input = layer_norms[n].input ? recorded_beside(run, tap, layer_norms[n].input) : NULL;
        const Recorded *residual = layer_norms[n].residual ? layer_input(run, tap) : NULL;
        if (residual) add_rows(run, residual, tap_rows(tap), sum);
        if (input) add_rows(run, input, tap_rows(tap), sum);
        known = (!layer_norms[n].input || input) && (!layer_norms[n].residual || residual);
    }
    return known ? sum : NULL;
}

/* From the norm's input, because what the tap holds is rounded already: so small a change would be rounded away. */
static void bf16_variance(BugRun *run, const Tap *tap)
{
    if (!tap_is_text(tap, "") || !strstr(tap->name, "norm")) return;
    int64_t width = tap_width(tap);
    double eps = text_number(run, "rms_norm_eps", 1e-6), *input = norm_input(run, tap);
    const double *weight = input ? weight_of(run, tap) : NULL;
    for (int64_t i = 0; weight && i < tap_rows(tap); i++) {
        double *row = input + i * width, variance = 0;
        for (int64_t j = 0; j < width; j++) variance += row[j] * row[j] / (double)width;
        double factor = 1 / sqrt(narrowed(ROUNDING_BF16, (float)variance) + eps);
        for (int64_t j = 0; j < width; j++) row[j] *= factor * weight[j];
        tap_set_row(tap, i, row);
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
    { .id = "rmsnorm-bf16-variance",
      .stage = "norms",
      .mechanism = "norms of the hidden state hold their variance in bfloat16, not in float32",
      .source = "https://github.com/sgl-project/sglang/pull/27540",
      .sources = 2,
      .exposed_by = "any prompt; in bf16 it is near to the class's own rounding",
      .tap = bf16_variance,
      .needs_in_layer =
          (const char *const[]){ LAYER_INPUTS, "*.o_proj", "*.down_proj", "*.experts", "*.per_layer_projection",
                                 "*.post_attention_layernorm", "*.post_feedforward_layernorm_?", NULL } },
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
