/* merge_bugs.c - soft tokens among the embeddings of text
 *
 * Right: text is multiplied by sqrt(hidden_size) as it is looked up, features are not; each image's soft tokens take
 * the places of its own placeholders.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bugs/hooks/bug_hooks.h"
#include "checkpoint/token_ids.h"
#include "gemma4.h"

static double embed_scale(const BugRun *run) { return as_weight(run, (float)sqrt(text_number(run, "hidden_size", 0))); }

/* Only the prompt has features: later tokens are text. */
static bool is_merged(const Tap *tap) { return tap_is(tap->name, "model#inputs_embeds") && tap_run(tap->name) == 0; }

static bool row_is_feature(BugRun *run, const Tap *tap, int64_t row)
{
    return is_feature(run, row / tap->shape[1], row % tap->shape[1]);
}

static bool row_is_placeholder(BugRun *run, const Tap *tap, int64_t row)
{
    return is_placeholder(run, row / tap->shape[1], row % tap->shape[1]);
}

static void multiply(const Tap *tap, int64_t row, double factor)
{
    int64_t width = tap_width(tap);
    for (int64_t i = row * width; i < (row + 1) * width; i++) tap_set(tap, i, factor * tap_value(tap, i));
}

/* sqrt(hidden_size) is held in the dtype. In float32, or where the root is exact, nothing differs. */
static bool is_rounded(double held, double exact) { return fabs(held / exact - 1) > 1e-6; }

/* The token of that row of the tap; -1: a placeholder, whose row nothing depends on */
static int64_t token_of(BugRun *run, const Tap *tap, int64_t row)
{
    const Recorded *chosen = tap_run(tap->name) > 0 ? recorded(run, tap, "input_ids") : NULL;
    if (chosen) return (int64_t)chosen->values[row];
    return row_is_placeholder(run, tap, row) ? -1 : array_integer(bug_inputs(run)->input_ids, row);
}

/* From the table, because the product that the tap holds is rounded already: that would be rounded back. */
static void scale_unrounded(BugRun *run, const Tap *tap)
{
    double root = sqrt(text_number(run, "hidden_size", 0));
    if (!tap_is_text(tap, ".embed_tokens") || !is_rounded(embed_scale(run), root)) return;
    char name[256];
    snprintf(name, sizeof name, "%.*s.weight", (int)tap_base_length(tap->name), tap->name);
    const Array *table = array_named(run, name);
    double *embedding = scratch_row(run, tap_width(tap));
    for (int64_t row = 0; table && row < tap_rows(tap); row++) {
        int64_t token = token_of(run, tap, row);
        if (token < 0 || token >= table->shape[0]) continue;
        read_row(run, table, token, embedding);
        for (int64_t j = 0; j < tap_width(tap); j++) embedding[j] *= root;
        tap_set_row(tap, row, embedding);
    }
}

static void embed_scale_on_features(BugRun *run, const Tap *tap)
{
    for (int64_t row = 0; is_merged(tap) && row < tap_rows(tap); row++)
        if (row_is_feature(run, tap, row)) multiply(tap, row, embed_scale(run));
}

static void features_inverse_scaled(BugRun *run, const Tap *tap)
{
    for (int64_t row = 0; is_merged(tap) && row < tap_rows(tap); row++)
        if (row_is_feature(run, tap, row)) multiply(tap, row, 1 / embed_scale(run));
}

/* Divided by the root, as a product with its rounded inverse, so that the text model's scaling undoes it */
static void scale_bf16_product(BugRun *run, const Tap *tap)
{
    double inverse = as_weight(run, 1 / sqrt(text_number(run, "hidden_size", 0))), product = inverse * embed_scale(run);
    for (int64_t row = 0; is_merged(tap) && is_rounded(product, 1) && row < tap_rows(tap); row++)
        if (row_is_feature(run, tap, row)) multiply(tap, row, product);
}

/* Only where embeddings are looked up for the sake of merging; otherwise the text model does so, and scales. */
static void text_unscaled(BugRun *run, const Tap *tap)
{
    const Inputs *inputs = bug_inputs(run);
    if (!tap_is_text(tap, ".embed_tokens") || tap_run(tap->name) > 0) return;
    if (!inputs->pixel_values && !inputs->pixel_values_videos && !inputs->input_features) return;
    for (int64_t i = 0; i < tap->count; i++) tap_set(tap, i, tap_value(tap, i) / embed_scale(run));
}

static void skipped(BugRun *run, const Tap *tap)
{
    for (int64_t row = 0; is_merged(tap) && row < tap_rows(tap); row++)
        if (row_is_feature(run, tap, row))
            tap_set_row(tap, row, recorded_row(recorded(run, tap, "model.language_model.embed_tokens"), row));
}

/* Patches of one image that are no padding: of a model without towers, each is a soft token. */
static int64_t real_patches(const Array *positions, int64_t image)
{
    int64_t patches = positions->shape[1], count = 0;
    for (int64_t i = image * patches; i < (image + 1) * patches; i++)
        count += array_integer(positions, 2 * i) != -1 && array_integer(positions, 2 * i + 1) != -1;
    return count;
}

/* Soft tokens of one image: bins that a patch falls into. Padding falls into the first. */
static int64_t soft_tokens(BugRun *run, int64_t image)
{
    const Array *positions = bug_inputs(run)->image_position_ids;
    if (!array_named(run, "model.vision_tower.patch_embedder.input_proj.weight")) return real_patches(positions, image);
    int64_t patches = positions->shape[1], k = (int64_t)vision_number(run, "pooling_kernel_size", 1), count = 0;
    int64_t *xy = bug_memory(run, (size_t)(2 * patches) * sizeof *xy);
    int64_t *kernel_idxs = bug_memory(run, (size_t)patches * sizeof *kernel_idxs);
    for (int64_t i = 0; i < 2 * patches; i++) xy[i] = array_integer(positions, 2 * image * patches + i);
    gemma4_vision_pooler_kernel_idxs(kernel_idxs, xy, patches, k);
    bool *hit = bug_memory(run, (size_t)patches * sizeof *hit);
    for (int64_t i = 0; i < patches; i++) hit[i] = false;
    for (int64_t i = 0; i < patches; i++) {
        count += !hit[kernel_idxs[i]];
        hit[kernel_idxs[i]] = true;
    }
    return count;
}

/* In each row of the batch, images after the first get its soft tokens, as far as there are so many. */
static void stale_first_image(BugRun *run, const Tap *tap)
{
    const Array *ids = bug_inputs(run)->input_ids;
    if (!is_merged(tap) || !bug_inputs(run)->pixel_values) return;
    if (vision_number(run, "pooling_kernel_size", 1) < 2) return; /* then Hugging Face keeps padding alone */
    int64_t image_token_id = (int64_t)outer_number(run, "image_token_id", IMAGE_TOKEN_ID), seq = ids->shape[1];
    int64_t *first = bug_memory(run, (size_t)seq * sizeof *first); /* places of the first image of the row */
    int64_t image = 0, token = 0, left = soft_tokens(run, 0), in_row = 0, stored = 0;
    for (int64_t i = 0; i < tap_rows(tap); i++) {
        if (i % seq == 0) in_row = stored = 0;
        if (array_integer(ids, i) != image_token_id) continue;
        if (left == 0) {
            left = soft_tokens(run, ++image);
            token = 0;
        }
        if (token == 0) in_row++;
        if (in_row == 1)
            first[stored++] = i;
        else if (token < stored)
            tap_set_row(tap, i, tap_row(run, tap, first[token]));
        token++;
        left--;
    }
}

/* The n-th place, from 0, of the placeholder `id`, counted token by token through all rows */
static int64_t nth_place(const Array *ids, int64_t id, int64_t n)
{
    int64_t batch = ids->shape[0], seq = ids->shape[1];
    for (int64_t i = 0; i < batch * seq; i++) {
        int64_t place = i % batch * seq + i / batch;
        if (array_integer(ids, place) == id && n-- == 0) return place;
    }
    return -1;
}

/* Features of one kind take their places token by token through all rows of the batch, not row by row. */
static void seq_major(BugRun *run, const Tap *tap)
{
    const Array *ids = bug_inputs(run)->input_ids;
    int64_t width = tap_width(tap);
    if (!is_merged(tap) || tap->shape[0] < 2) return;
    double *all = scratch_row(run, tap->count);
    for (int64_t i = 0; i < tap->count; i++) all[i] = tap_value(tap, i);
    for (int64_t i = 0; i < tap_rows(tap); i++) {
        int64_t id = array_integer(ids, i), n = 0;
        if (!row_is_feature(run, tap, i)) continue;
        for (int64_t before = 0; before < i; before++) n += array_integer(ids, before) == id;
        int64_t place = nth_place(ids, id, n);
        if (place != i) tap_set_row(tap, place, all + i * width);
    }
}

const Bug merge_bugs[] = {
    { .id = "embed-scale-unrounded",
      .stage = "embedding",
      .mechanism = "text embeddings are multiplied by sqrt(hidden_size) in float32, not as the dtype holds it",
      .source = "https://github.com/pytorch/executorch/tree/main/examples/models/gemma4_31b",
      .sources = 2,
      .exposed_by = "a narrow class, and a hidden_size whose root is not exact in it",
      .tap = scale_unrounded,
      .needs_in_layer = (const char *const[]){ "input_ids", NULL } },
    { .id = "embed-scale-bf16-product",
      .stage = "merging",
      .mechanism = "features are multiplied by 1/sqrt(hidden_size) and then by its root, each rounded to the dtype",
      .source = "https://pypi.org/project/keras-hub/0.32.0/",
      .sources = 2,
      .exposed_by = "a narrow class, an image in a prompt, and a hidden_size whose root is not exact",
      .tap = scale_bf16_product },
    { .id = "merge-embed-scale-on-features",
      .stage = "merging",
      .mechanism = "features are multiplied by sqrt(hidden_size), as text is",
      .source = "https://github.com/Blaizzy/mlx-vlm/pull/906",
      .sources = 2,
      .exposed_by = "any image in a prompt",
      .tap = embed_scale_on_features },
    { .id = "merge-features-inverse-scaled",
      .stage = "merging",
      .mechanism = "features are divided by sqrt(hidden_size), for a multiplication that does not follow",
      .source = "https://github.com/vllm-project/vllm/issues/52667",
      .sources = 1,
      .exposed_by = "any image in a prompt",
      .tap = features_inverse_scaled },
    { .id = "merge-text-unscaled",
      .stage = "merging",
      .mechanism = "text embeddings that are looked up for merging are not multiplied by sqrt(hidden_size)",
      .source = "https://github.com/unslothai/unsloth-zoo/pull/963",
      .sources = 1,
      .exposed_by = "any image in a prompt",
      .tap = text_unscaled },
    { .id = "merge-skipped",
      .stage = "merging",
      .mechanism = "features never take the places of their placeholders",
      .source = "https://github.com/Blaizzy/mlx-vlm/pull/1321",
      .sources = 2,
      .exposed_by = "any image in a prompt",
      .tap = skipped,
      .needs_in_layer = (const char *const[]){ "model.language_model.embed_tokens", NULL } },
    { .id = "merge-seq-major",
      .stage = "merging",
      .mechanism = "features are handed out token by token through all rows of the batch, not row by row",
      .source = "https://github.com/alibaba/Pai-Megatron-Patch/issues/649",
      .sources = 1,
      .exposed_by = "an image in each of two rows",
      .tap = seq_major },
    { .id = "merge-stale-first-image",
      .stage = "merging",
      .mechanism = "images after the first of a prompt get the features of the first",
      .source = "https://github.com/ikawrakow/ik_llama.cpp/pull/1893",
      .sources = 1,
      .exposed_by = "two images in one prompt",
      .tap = stale_first_image },
    { 0 },
};
