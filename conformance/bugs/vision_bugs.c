/* vision_bugs.c - the vision tower up to its pooler
 *
 * Right: projections clamp their input and output; RMSNorm multiplies by its weight as it is; x turns the first half of
 * a head and y the second; attention logits are not scaled; padding patches are never looked at.
 */
#include <math.h>
#include <string.h>

#include "bugs/hooks/bug_hooks.h"

static const BugId VISION_ATTN_SCALE_RSQRT = { "vision-attn-scale-rsqrt" };
static const BugId VISION_MASK_NONE = { "vision-mask-none" };
static const BugId VISION_MASK_MULTIPLICATIVE = { "vision-mask-multiplicative" };
static const BugId VISION_MASK_BOOL_ADDED = { "vision-mask-bool-added" };

/* ---------------------------------------------------------------- projections, norms, activation */

static void clip_omitted(json_t *config) { config_set(vision_config(config), "use_clipped_linears", json_false()); }

static void clip_lost_in_fused_qkv(Checkpoint *checkpoint)
{
    fill_weights(checkpoint, "*vision_tower*.self_attn.[qkv]_proj.*_min", -INFINITY);
    fill_weights(checkpoint, "*vision_tower*.self_attn.[qkv]_proj.*_max", INFINITY);
}

static void clippable_keys_missed(Checkpoint *checkpoint)
{
    fill_weights(checkpoint, "*vision_tower*.linear.weight", 0);
}

static void quick_gelu(json_t *config)
{
    config_set(vision_config(config), "hidden_activation", json_string("quick_gelu"));
}

/* y = x^ w becomes x^ (1 + w) = y (1 + w) / w. Not by editing w, because a class would round 1 + w, and ports that
 * compute it do so in float32. Where w is 0, x^ is gone; no published checkpoint has such a weight. */
static void rmsnorm_one_plus_weight(BugRun *run, const Tap *tap)
{
    if (!tap_is_tower(tap, "norm") || tap_ends(tap->name, ".pos_norm")) return; /* that is a LayerNorm */
    const double *weight = weight_of(run, tap);
    int64_t width = tap_width(tap);
    for (int64_t i = 0; weight && i < tap->count; i++) {
        double w = weight[i % width];
        if (w != 0) tap_set(tap, i, tap_value(tap, i) * (1 + w) / w);
    }
}

static void v_norm_missing(BugRun *run, const Tap *tap)
{
    if (!tap_is_tower(tap, ".self_attn.v_norm")) return;
    const Recorded *input = recorded_beside(run, tap, "self_attn.v_proj");
    for (int64_t i = 0; i < tap->count; i++) tap_set(tap, i, input->values[tap->first + i]);
}

/* ---------------------------------------------------------------- attention */

#define PADDING "model.vision_tower#padding_positions"

static void mask_row(BugRun *run, const Query *query, double *mask, int64_t keys)
{
    const double *is_padding = recorded_row(recorded(run, query->tap, PADDING), query->b);
    double value = bug_is_on(run, &VISION_MASK_NONE) ? 0 : bug_is_on(run, &VISION_MASK_MULTIPLICATIVE) ? 1 : MASKED;
    bool added = bug_is_on(run, &VISION_MASK_BOOL_ADDED) && is_padding[query->q] == 0;
    if (bug_is_on(run, &VISION_MASK_BOOL_ADDED)) value = 0;
    for (int64_t j = 0; j < keys; j++) mask[j] = is_padding[j] != 0 ? value : added ? 1 : 0;
}

static bool is_padded(BugRun *run, const Tap *tap)
{
    const Recorded *padding = recorded(run, tap, PADDING);
    for (int64_t i = 0; i < padding->shape[0] * padding->shape[1]; i++)
        if (padding->values[i] != 0) return true;
    return false;
}

static void attention(BugRun *run, const Tap *tap)
{
    if (!tap_is_tower(tap, ".self_attn#attn_weights")) return;
    double scale = 1 / sqrt((double)recorded_beside(run, tap, "self_attn#query_states")->shape[3]);
    if (!bug_is_on(run, &VISION_ATTN_SCALE_RSQRT)) scale = 1;
    if (scale != 1 || is_padded(run, tap)) attend_again(run, tap, &(Attention){ scale, 0, mask_row });
}

static const char *const attention_needs[] = { PADDING, ATTENTION_INPUTS, NULL };

/* States [images, kv_heads, patches, head_dim] of one head, those of all images in a row */
static double *of_all_images(BugRun *run, const Recorded *states, int64_t head)
{
    int64_t images = states->shape[0], count = states->shape[2] * states->shape[3];
    double *all = scratch_row(run, images * count);
    for (int64_t b = 0; b < images; b++)
        memcpy(all + b * count, recorded_row(states, (b * states->shape[1] + head) * states->shape[2]),
               (size_t)count * sizeof *all);
    return all;
}

/* No array of the right shape could hold these weights, so they show in what they add up alone. */
static void attends_across_images(BugRun *run, const Tap *tap)
{
    if (!tap_is_tower(tap, ".self_attn#attn_output") || tap->shape[0] < 2) return;
    const Recorded *query = recorded_beside(run, tap, "self_attn#query_states");
    const Recorded *key = recorded_beside(run, tap, "self_attn#key_states");
    const Recorded *value = recorded_beside(run, tap, "self_attn#value_states");
    const Recorded *padding = recorded(run, tap, PADDING);
    int64_t images = tap->shape[0], heads = query->shape[1], patches = query->shape[2], head_dim = query->shape[3];
    bool *may_look = bug_memory(run, (size_t)(images * patches) * sizeof *may_look);
    for (int64_t j = 0; j < images * patches; j++) may_look[j] = padding->values[j] == 0;
    double *out = scratch_row(run, tap->count);
    for (int64_t h = 0; h < heads; h++) {
        int64_t kv_head = h / (heads / key->shape[1]);
        const double *keys = of_all_images(run, key, kv_head), *values = of_all_images(run, value, kv_head);
        for (int64_t i = 0; i < images * patches; i++) {
            ArenaMark mark = scratch_mark(run);
            int64_t place = (i / patches * heads + h) * patches + i % patches;
            attend_head(run,
                        &(AttentionHead){ .query = recorded_row(query, place),
                                          .keys = keys,
                                          .values = values,
                                          .may_look = may_look,
                                          .tokens = images * patches,
                                          .head_dim = head_dim },
                        out + (i * heads + h) * head_dim);
            scratch_release(run, mark);
        }
    }
    for (int64_t i = 0; i < tap->count; i++) tap_set(tap, i, out[i]);
}

/* ---------------------------------------------------------------- rotary embedding */

/* x turns the pairs (i, i + head_dim / 2) of the whole head, and y none */
static void rope_half_shared(BugRun *run, const Tap *tap)
{
    bool is_query = tap_is_tower(tap, ".self_attn#query_states"), is_key = tap_is_tower(tap, ".self_attn#key_states");
    if (!is_query && !is_key) return;
    const Recorded *normed = recorded_beside(run, tap, is_query ? "self_attn.q_norm" : "self_attn.k_norm");
    const Recorded *cosines = recorded_above(run, tap, ".rotary_emb#cos"),
                   *sines = recorded_above(run, tap, ".rotary_emb#sin");
    int64_t heads = tap->shape[1], patches = tap->shape[2], head_dim = tap->shape[3];
    for (int64_t i = 0; i < tap_rows(tap); i++) {
        int64_t b = i / (heads * patches), h = i / patches % heads, p = i % patches, place = b * patches + p;
        double *row = memcpy(scratch_row(run, head_dim), recorded_row(normed, place * heads + h),
                             (size_t)head_dim * sizeof *row);
        turn_row(run, row, head_dim / 2, head_dim / 2, recorded_row(cosines, place), recorded_row(sines, place));
        tap_set_row(tap, i, row);
    }
}

/* theta^-(2i / head_dim) in place of theta^-(2i / (head_dim / 2)): a square root of theta */
static void rope_dim_full(json_t *config)
{
    json_t *vision = vision_config(config), *rope = json_object_get(vision, "rope_parameters");
    if (!vision) return;
    if (!json_is_object(rope)) json_object_set_new(vision, "rope_parameters", rope = json_object());
    const json_t *theta = json_object_get(rope, "rope_theta");
    config_set(rope, "rope_theta", json_real(sqrt(json_is_number(theta) ? json_number_value(theta) : 100)));
}

/* ---------------------------------------------------------------- the list */

const Bug vision_bugs[] = {
    { .id = "clippable-keys-missed",
      .stage = "vision tower",
      .mechanism = "weights stored under `.linear.` are not found, and the seven projections of a layer stay zero",
      .source = "https://github.com/pytorch/executorch/pull/19932",
      .sources = 1,
      .exposed_by = "any image",
      .weights = clippable_keys_missed },
    { .id = "tower-rmsnorm-one-plus-weight",
      .stage = "vision tower",
      .mechanism = "RMSNorm multiplies by 1 + weight, as in Gemma 1 to 3",
      .source = "https://github.com/NVIDIA/TensorRT-LLM/pull/14300",
      .sources = 3,
      .exposed_by = "any image",
      .tap = rmsnorm_one_plus_weight },
    { .id = "vision-clip-omitted",
      .stage = "vision attention and MLP",
      .mechanism = "projections do not clamp what goes in and what comes out",
      .source = "https://github.com/AI-Hypercomputer/maxtext/pull/4790",
      .sources = 3,
      .exposed_by = "use_clipped_linears, and values beyond the bounds",
      .config = clip_omitted },
    { .id = "vision-clip-lost-in-fused-qkv",
      .stage = "vision attention",
      .mechanism = "a fused q, k and v projection clamps nothing; the other projections do",
      .source = "https://github.com/AI-Hypercomputer/maxtext/pull/4790",
      .sources = 1,
      .exposed_by = "use_clipped_linears, and values beyond the bounds of q_proj, k_proj or v_proj",
      .weights = clip_lost_in_fused_qkv },
    { .id = "vision-rope-half-shared",
      .stage = "vision attention",
      .mechanism = "one rotation over the whole head by x alone, in place of x in its first half and y in the second",
      .source = "https://github.com/Tencent/ncnn/issues/6833",
      .sources = 1,
      .exposed_by = "an image of more than one patch",
      .tap = rope_half_shared,
      .needs_in_layer = (const char *const[]){ "*.rotary_emb#cos", "*.rotary_emb#sin", "*.q_norm", "*.k_norm", NULL } },
    { .id = "vision-rope-dim-full",
      .stage = "vision attention",
      .mechanism = "rotary frequencies are spaced for head_dim, not for the half of it that an axis has",
      .source = "https://github.com/onnxruntime/mobius/blob/main/.agents/skills/debugging-multimodal/references/"
                "failure-modes.md",
      .sources = 1,
      .exposed_by = "an image of more than one patch",
      .config = rope_dim_full },
    { .id = "vision-v-norm-missing",
      .stage = "vision attention",
      .mechanism = "values are not normalised",
      .source = "no known report; v_norm has no weight that could be missed",
      .exposed_by = "any image",
      .tap = v_norm_missing,
      .needs_in_layer = (const char *const[]){ "*.self_attn.v_proj", NULL } },
    { .id = VISION_ATTN_SCALE_RSQRT.text,
      .stage = "vision attention",
      .mechanism = "attention logits are divided by sqrt(head_dim)",
      .source = "https://github.com/mlc-ai/mlc-llm/pull/3485",
      .sources = 1,
      .exposed_by = "any image",
      .tap = attention,
      .needs_in_layer = attention_needs },
    { .id = VISION_MASK_NONE.text,
      .stage = "vision attention",
      .mechanism = "padding patches are looked at like any other",
      .source = "https://github.com/AI-Hypercomputer/maxtext/pull/4790",
      .sources = 1,
      .exposed_by = "a padded image",
      .tap = attention,
      .needs_in_layer = attention_needs },
    { .id = VISION_MASK_MULTIPLICATIVE.text,
      .stage = "vision attention",
      .mechanism = "1 is added to attention logits of padding patches, where the lowest float should be",
      .source = "https://github.com/quic/efficient-transformers/pull/1159",
      .sources = 1,
      .exposed_by = "a padded image",
      .tap = attention,
      .needs_in_layer = attention_needs },
    { .id = VISION_MASK_BOOL_ADDED.text,
      .stage = "vision attention",
      .mechanism = "the mask is added as it is: 1 where a patch may be looked at, 0 at padding",
      .source = "https://pypi.org/project/gemma/4.0.1/",
      .sources = 1,
      .exposed_by = "a padded image",
      .tap = attention,
      .needs_in_layer = attention_needs },
    { .id = "vision-attends-across-images",
      .stage = "vision attention",
      .mechanism = "the patches of all images are one sequence, and look at each other",
      .source = "https://github.com/llmmanorg/llmman/pull/143",
      .sources = 1,
      .exposed_by = "two images",
      .tap = attends_across_images,
      .needs_in_layer = (const char *const[]){ PADDING, ATTENTION_INPUTS, "*#value_states", NULL } },
    { .id = "vision-quick-gelu",
      .stage = "vision MLP",
      .mechanism = "x * sigmoid(1.702 x) in place of GELU by tanh",
      .source = "https://github.com/ggml-org/llama.cpp/blob/master/tools/mtmd/clip.cpp",
      .sources = 1,
      .exposed_by = "any image",
      .config = quick_gelu },
    { 0 },
};
