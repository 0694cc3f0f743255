/* moe_bugs.c - router and experts of 26B-A4B
 *
 * Right: the router sees the hidden state before the MLP, through a norm of its own, times scale and hidden^-0.5; the
 * weights of the chosen experts sum to 1, and are then multiplied by per_expert_scale, once.
 */
#include <math.h>
#include <string.h>

#include "bugs/hooks/bug_hooks.h"

static const BugId ROUTER_INPUT_NORMED = { "router-input-normed" };
static const BugId ROUTER_NORM_SCALE_MISSING = { "router-norm-scale-missing" };
static const BugId PER_EXPERT_SCALE_TWICE = { "per-expert-scale-twice" };
static const BugId EXPERTS_SILU = { "experts-silu" };
static const BugId EXPERTS_GPTOSS_SWIGLU = { "experts-gptoss-swiglu" };
static const BugId GATE_UP_SWAPPED = { "gate-up-swapped" };
static const BugId EXPERTS_IGNORED = { "experts-ignored" };

/* ---------------------------------------------------------------- router */

/* The hidden state before the MLP, which no module outputs: the layer's input and what attention adds to it */
static double *residual_row(BugRun *run, const Tap *tap, int64_t row)
{
    const Recorded *input = layer_input(run, tap), *attention = recorded_beside(run, tap, "post_attention_layernorm");
    int64_t queries = attention->shape[1], width = attention->shape[2], b = row / queries;
    const double *in = recorded_row(input, last_positions(input, b, queries) + row % queries);
    double *residual = scratch_row(run, width);
    for (int64_t j = 0; j < width; j++) residual[j] = as_result(run, in[j] + recorded_row(attention, row)[j]);
    return residual;
}

/* The input that the router's norm and its projection share, with the bugs that are on */
static double *router_row(BugRun *run, const Tap *tap, int64_t row)
{
    double *x = residual_row(run, tap, row), eps = text_number(run, "rms_norm_eps", 1e-6);
    if (!bug_is_on(run, &ROUTER_INPUT_NORMED)) return x;
    int64_t width = (int64_t)text_number(run, "hidden_size", 0);
    rms_norm_row(x, width, weight_beside(run, tap, "pre_feedforward_layernorm_2.weight"), eps);
    for (int64_t j = 0; j < width; j++) x[j] = as_result(run, x[j]);
    return x;
}

static void route_again(BugRun *run, const Tap *tap)
{
    bool unscaled = bug_is_on(run, &ROUTER_NORM_SCALE_MISSING), is_norm = tap_is_text(tap, ".router.norm");
    if (!is_norm && !(unscaled && tap_is_text(tap, ".router.proj"))) return;
    for (int64_t i = 0; i < tap_rows(tap); i++) {
        ArenaMark mark = scratch_mark(run);
        double *x = router_row(run, tap, i), *scores = scratch_row(run, tap_width(tap));
        if (is_norm && !unscaled) rms_norm_row(x, tap_width(tap), NULL, text_number(run, "rms_norm_eps", 1e-6));
        if (!is_norm) linear_rows(run, scores, x, 1, array_beside(run, tap, "router.proj.weight"), NULL);
        tap_set_row(tap, i, is_norm ? x : scores);
        scratch_release(run, mark);
    }
}

static const char *const router_needs[] = { "*.post_attention_layernorm", LAYER_INPUTS, NULL };

static void no_renorm(BugRun *run, const Tap *tap)
{
    if (!tap_is_text(tap, ".router#top_k_weights")) return;
    const Recorded *probabilities = recorded_beside(run, tap, "router");
    const Recorded *index = recorded_beside(run, tap, "router#top_k_index");
    const double *per_expert_scale = weight_beside(run, tap, "router.per_expert_scale");
    int64_t k = tap_width(tap);
    if (k == probabilities->shape[1]) return; /* the sum is 1 already */
    for (int64_t i = 0; i < tap->count; i++) {
        int64_t expert = (int64_t)index->values[tap->first + i];
        tap_set(tap, i, recorded_row(probabilities, (tap->first + i) / k)[expert] * per_expert_scale[expert]);
    }
}

static void bf16_softmax(BugRun *run, const Tap *tap)
{
    (void)run;
    for (int64_t i = 0; tap_is_text(tap, ".router") && i < tap->count; i++) {
        real value = (real)tap_value(tap, i);
        round_to(ROUNDING_BF16, &value, 1);
        tap_set(tap, i, value);
    }
}

static void per_expert_scale_missing(Checkpoint *checkpoint)
{
    fill_weights(checkpoint, "*.router.per_expert_scale", 1);
}

/* ---------------------------------------------------------------- experts */

typedef struct {
    Array gate_up_proj, down_proj;
    double weight; /* of what it adds, times the router's */
    Activation act_fn;
    bool is_swapped, is_gptoss, is_ignored;
} Expert;

static double gated(const BugRun *run, const Expert *expert, double gate, double up)
{
    if (!expert->is_gptoss) return as_result(run, activate(expert->act_fn, gate)) * up;
    gate = fmin(gate, 7);
    up = fmin(fmax(up, -7), 7);
    return as_result(run, activate(QUICK_GELU, gate)) * as_result(run, up + 1);
}

/* y = the expert's output for x, both [tokens, hidden], before the weight that it is summed with */
static void expert_rows(BugRun *run, const Expert *expert, const double *x, double *y, int64_t tokens)
{
    int64_t inner = expert->down_proj.shape[1];
    double *gate_up = scratch_row(run, tokens * 2 * inner), *hidden = scratch_row(run, tokens * inner);
    bool swapped = expert->is_swapped;
    linear_rows(run, gate_up, x, tokens, &expert->gate_up_proj, NULL);
    for (int64_t i = 0; i < tokens * inner; i++) {
        const double *gate = gate_up + i / inner * 2 * inner + i % inner;
        hidden[i] = as_result(run, gated(run, expert, gate[swapped ? inner : 0], gate[swapped ? 0 : inner]));
    }
    linear_rows(run, y, hidden, tokens, &expert->down_proj, NULL);
}

static Activation activation_of(BugRun *run)
{
    Activation activation = GELU_PYTORCH_TANH;
    const char *name = json_string_value(json_object_get(text_config(bug_config(run)), "hidden_activation"));
    if (name) activation_from_name(name, &activation);
    return activation;
}

/* The expert with the bugs that it has */
static Expert expert_of(BugRun *run, const Tap *tap, int64_t number)
{
    double scale = weight_beside(run, tap, "router.per_expert_scale")[number];
    return (Expert){ .gate_up_proj = array_at(array_beside(run, tap, "experts.gate_up_proj"), number),
                     .down_proj = array_at(array_beside(run, tap, "experts.down_proj"), number),
                     .weight = bug_is_in_expert(run, &PER_EXPERT_SCALE_TWICE, number) ? scale : 1,
                     .act_fn = bug_is_in_expert(run, &EXPERTS_SILU, number) ? SILU : activation_of(run),
                     .is_swapped = bug_is_in_expert(run, &GATE_UP_SWAPPED, number),
                     .is_gptoss = bug_is_in_expert(run, &EXPERTS_GPTOSS_SWIGLU, number),
                     .is_ignored = bug_is_in_expert(run, &EXPERTS_IGNORED, number) };
}

/* Expert by expert, in the order in which the reference sums them */
static void experts_again(BugRun *run, const Tap *tap)
{
    if (!tap_is_text(tap, ".experts")) return;
    const Recorded *input = recorded_beside(run, tap, "pre_feedforward_layernorm_2");
    const Recorded *index = recorded_beside(run, tap, "router#top_k_index");
    const Recorded *weights = recorded_beside(run, tap, "router#top_k_weights");
    int64_t experts = array_beside(run, tap, "experts.down_proj")->shape[0];
    int64_t hidden = tap_width(tap), tokens = tap_rows(tap), k = index->shape[1];
    double *sum = scratch_row(run, tap->count); /* a dump may have a token choose one expert k times */
    double *x = scratch_row(run, tap->count * k), *y = scratch_row(run, tap->count * k);
    memset(sum, 0, (size_t)tap->count * sizeof *sum);

    for (int64_t number = 0; number < experts; number++) {
        Expert expert = expert_of(run, tap, number);
        int64_t chosen = 0;
        for (int64_t i = 0; i < tokens * k; i++)
            if ((int64_t)index->values[i] == number)
                memcpy(x + chosen++ * hidden, recorded_row(input, i / k), (size_t)hidden * sizeof *x);
        if (chosen == 0 || expert.is_ignored) continue;

        ArenaMark mark = scratch_mark(run);
        expert_rows(run, &expert, x, y, chosen);
        scratch_release(run, mark);
        const double *row = y;
        for (int64_t i = 0; i < tokens * k; i++) {
            if ((int64_t)index->values[i] != number) continue;
            double weight = weights->values[i] * expert.weight;
            for (int64_t j = 0; j < hidden; j++) {
                double *to = sum + i / k * hidden + j;
                *to = as_result(run, *to + as_result(run, *row++ * weight));
            }
        }
    }
    for (int64_t i = 0; i < tap->count; i++) tap_set(tap, i, sum[i]);
}

static const char *const expert_needs[] = { "*.router#top_k_index", "*.router#top_k_weights",
                                            "*.pre_feedforward_layernorm_2", NULL };

/* ---------------------------------------------------------------- the list */

const Bug moe_bugs[] = {
    { .id = ROUTER_INPUT_NORMED.text,
      .stage = "router",
      .mechanism = "the router sees the output of pre_feedforward_layernorm_2, as the experts do",
      .source = "https://github.com/NVIDIA-NeMo/Megatron-Bridge/pull/4683",
      .sources = 5,
      .exposed_by = "experts",
      .tap = route_again,
      .needs_in_layer = router_needs },
    { .id = ROUTER_NORM_SCALE_MISSING.text,
      .stage = "router",
      .mechanism = "the router projects the hidden state as it is, without norm, scale and hidden_size^-0.5",
      .source = "https://github.com/NVIDIA-NeMo/Megatron-Bridge/pull/4683",
      .sources = 1,
      .exposed_by = "experts",
      .tap = route_again,
      .needs_in_layer = router_needs },
    { .id = "router-bf16-softmax",
      .stage = "router",
      .mechanism = "probabilities of experts are rounded to bfloat16, not kept in float32",
      .source = "https://github.com/ViperEkura/AstrAI/pull/57",
      .sources = 1,
      .exposed_by = "experts",
      .tap = bf16_softmax },
    { .id = "router-no-renorm",
      .stage = "router",
      .mechanism = "weights of the chosen experts are their probabilities, which are not made to sum to 1",
      .source = "https://github.com/lightseekorg/tokenspeed/pull/603",
      .sources = 1,
      .exposed_by = "experts of which some are not chosen",
      .tap = no_renorm,
      .needs_in_layer = (const char *const[]){ "*.router", "*.router#top_k_index", NULL } },
    { .id = "per-expert-scale-missing",
      .stage = "router",
      .mechanism = "weights of the chosen experts are not multiplied by per_expert_scale",
      .source = "https://github.com/AI-Hypercomputer/maxtext/commit/2aebc785f",
      .sources = 1,
      .exposed_by = "experts with per_expert_scale away from 1",
      .weights = per_expert_scale_missing },
    { .id = PER_EXPERT_SCALE_TWICE.text,
      .stage = "experts",
      .mechanism = "per_expert_scale is in the experts' weights and in down_proj as well",
      .source = "https://github.com/AI-Hypercomputer/maxtext/commit/014fc4985",
      .sources = 1,
      .exposed_by = "experts with per_expert_scale away from 1",
      .tap = experts_again,
      .needs_in_layer = expert_needs },
    { .id = EXPERTS_SILU.text,
      .stage = "experts",
      .mechanism = "experts have SiLU in place of GELU by tanh",
      .source = "https://github.com/kekzl/imp/pull/9",
      .sources = 2,
      .exposed_by = "experts",
      .tap = experts_again,
      .needs_in_layer = expert_needs },
    { .id = EXPERTS_GPTOSS_SWIGLU.text,
      .stage = "experts",
      .mechanism = "experts have GPT-OSS's gate: clamped at 7, x * sigmoid(1.702 x), times up + 1",
      .source = "https://github.com/onnxruntime/mobius/pull/326",
      .sources = 2,
      .exposed_by = "experts",
      .tap = experts_again,
      .needs_in_layer = expert_needs },
    { .id = GATE_UP_SWAPPED.text,
      .stage = "experts",
      .mechanism = "the halves of gate_up_proj are exchanged, so that up is activated and not gate",
      .source = "https://github.com/flashinfer-ai/flashinfer/pull/4130",
      .sources = 1,
      .exposed_by = "experts",
      .tap = experts_again,
      .needs_in_layer = expert_needs },
    { .id = EXPERTS_IGNORED.text,
      .stage = "experts",
      .mechanism = "only the dense MLP runs",
      .source = "https://github.com/llmmanorg/llmman/pull/181",
      .sources = 2,
      .exposed_by = "experts",
      .tap = experts_again,
      .needs_in_layer = expert_needs },
    { 0 },
};
