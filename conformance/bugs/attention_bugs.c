/* attention_bugs.c - attention of the text model
 *
 * Right: logits are not scaled; values are normalised without a weight; where a layer has no v_proj they are k_proj's
 * output as it is, before k_norm and the rotation.
 */
#include <math.h>

#include "bugs/hooks/bug_hooks.h"

static const BugId V_NORM_MISSING = { "v-norm-missing" };
static const BugId V_NORM_F16_OVERFLOW = { "v-norm-f16-overflow" };
static const BugId ATTN_SCALE_RSQRT = { "attn-scale-rsqrt" };
static const BugId ATTN_SOFTCAP_50 = { "attn-softcap-50" };
static const BugId KV_TIED_AFTER_NORM = { "kv-tied-after-norm" };

static void mask_row(BugRun *run, const Query *query, double *mask, int64_t keys)
{
    bool sliding = layer_is_sliding(run, tap_layer(query->tap));
    const Recorded *may_look = recorded_above(
        run, query->tap, sliding ? "#causal_mask_mapping.sliding_attention" : "#causal_mask_mapping.full_attention");
    const double *row = recorded_row(may_look, (query->b + 1) * may_look->shape[2] - query->queries + query->q);
    for (int64_t j = 0; j < keys; j++) mask[j] = row[j] != 0 ? 0 : MASKED;
}

static void logits_again(BugRun *run, const Tap *tap)
{
    if (!tap_is_text(tap, ".self_attn#attn_weights")) return;
    double head_dim = (double)recorded_beside(run, tap, "self_attn#query_states")->shape[3];
    bool scaled = bug_is_on(run, &ATTN_SCALE_RSQRT), capped = bug_is_on(run, &ATTN_SOFTCAP_50);
    attend_again(run, tap, &(Attention){ scaled ? 1 / sqrt(head_dim) : 1, capped ? 50 : 0, mask_row });
}

/* ---------------------------------------------------------------- values */

/* The square of more than this is infinite in float16. */
static const double SQUARE_OVERFLOWS = 255.97;

/* In float16 the mean square becomes infinite, and what is divided by it 0. */
static bool overflows(const double *row, int64_t width)
{
    for (int64_t j = 0; j < width; j++)
        if (fabs(row[j]) > SQUARE_OVERFLOWS) return true;
    return false;
}

static void values_again(BugRun *run, const Tap *tap)
{
    if (!tap_is_text(tap, ".self_attn.v_norm")) return;
    const Recorded *v_proj = recorded_beside(run, tap, "self_attn.v_proj"),
                   *k_proj = recorded_beside(run, tap, "self_attn.k_proj");
    bool tied = !v_proj && bug_is_on(run, &KV_TIED_AFTER_NORM), missing = bug_is_on(run, &V_NORM_MISSING);
    bool narrow = bug_is_on(run, &V_NORM_F16_OVERFLOW) && !missing;
    const Recorded *input = tied ? recorded_beside(run, tap, "self_attn.k_norm") : v_proj ? v_proj : k_proj;
    if (!tied && !missing && !narrow) return;

    int64_t width = tap_width(tap);
    double *row = scratch_row(run, width);
    for (int64_t i = 0; i < tap_rows(tap); i++) {
        const double *from = input->values + tap->first + i * width;
        bool lost = narrow && overflows(from, width);
        if (!tied && !missing && !lost) continue;
        for (int64_t j = 0; j < width; j++) row[j] = lost ? 0 : from[j];
        if (!missing) rms_norm_row(row, width, NULL, text_number(run, "rms_norm_eps", 1e-6));
        tap_set_row(tap, i, row);
    }
}

static const char *const value_needs[] = { "*.self_attn.v_proj", "*.self_attn.k_proj", "*.self_attn.k_norm", NULL };

const Bug attention_bugs[] = {
    { .id = V_NORM_MISSING.text,
      .stage = "attention",
      .mechanism = "values are not normalised",
      .source = "no known report; v_norm has no weight that could be missed",
      .exposed_by = "any prompt",
      .tap = values_again,
      .needs_in_layer = value_needs },
    { .id = V_NORM_F16_OVERFLOW.text,
      .stage = "attention",
      .mechanism = "values beyond 256 are squared in float16, so that v_norm makes them 0",
      .source = "https://github.com/onnxruntime/mobius/pull/253",
      .sources = 1,
      .exposed_by = "values beyond 256 before v_norm, as in 12B",
      .tap = values_again,
      .needs_in_layer = value_needs },
    { .id = KV_TIED_AFTER_NORM.text,
      .stage = "attention",
      .mechanism = "values are taken from keys that k_norm has normalised, not from k_proj",
      .source = "https://github.com/NVIDIA-NeMo/Megatron-Bridge/pull/4683",
      .sources = 2,
      .exposed_by = "attention_k_eq_v",
      .tap = values_again,
      .needs_in_layer = value_needs },
    { .id = ATTN_SCALE_RSQRT.text,
      .stage = "attention",
      .mechanism = "attention logits are divided by sqrt(head_dim)",
      .source = "https://github.com/mlc-ai/mlc-llm/pull/3485",
      .sources = 2,
      .exposed_by = "two tokens",
      .tap = logits_again,
      .needs_in_layer = (const char *const[]){ "*#causal_mask_mapping.*", ATTENTION_INPUTS, NULL } },
    { .id = ATTN_SOFTCAP_50.text,
      .stage = "attention",
      .mechanism = "attention logits are soft-capped at 50, as in Gemma 2",
      .source = "https://github.com/onnxruntime/mobius/pull/363",
      .sources = 1,
      .exposed_by = "two tokens, and attention logits that are not small beside 50",
      .tap = logits_again,
      .needs_in_layer = (const char *const[]){ "*#causal_mask_mapping.*", ATTENTION_INPUTS, NULL } },
    { 0 },
};
