/* per_layer_embedding_bugs.c - what E2B and E4B add in every layer
 *
 * Right: the row of pad_token_id at every placeholder, times sqrt(hidden_size_per_layer_input) as any other; plus a
 * projection of the merged embeddings.
 */
#include <math.h>
#include <string.h>

#include "bugs/hooks/bug_hooks.h"

static const char *const TABLE = ".embed_tokens_per_layer", *const PROJECTION = ".per_layer_model_projection";

static bool is_prompt(const Tap *tap, const char *ending)
{
    return tap_is_text(tap, ending) && tap_run(tap->name) == 0;
}

static double embed_scale(const BugRun *run)
{
    return as_weight(run, (float)sqrt(text_number(run, "hidden_size_per_layer_input", 256)));
}

/* A tap of the model that the tap is a value of, in the same run */
static const Recorded *recorded_with(BugRun *run, const Tap *tap, const char *ending)
{
    char name[128];
    snprintf(name, sizeof name, "%.*s%s", (int)strcspn(tap->name, "#"), tap->name, ending);
    return recorded(run, tap, name);
}

static void placeholder_id(BugRun *run, const Tap *tap)
{
    if (!is_prompt(tap, TABLE)) return;
    char name[128];
    snprintf(name, sizeof name, "%s.weight", tap->name);
    const Array *table = array_named(run, name), *ids = bug_inputs(run)->input_ids;
    double *row = scratch_row(run, tap_width(tap)), scale = embed_scale(run);
    for (int64_t i = 0; i < tap_rows(tap); i++) {
        int64_t id = array_integer(ids, i);
        if (!is_placeholder(run, i / tap->shape[1], i % tap->shape[1]) || id >= table->shape[0]) continue;
        read_row(run, table, id, row);
        for (int64_t j = 0; j < tap_width(tap); j++) row[j] *= scale;
        tap_set_row(tap, i, row);
    }
}

static void pad_unscaled(BugRun *run, const Tap *tap)
{
    if (!is_prompt(tap, TABLE)) return;
    int64_t width = tap_width(tap);
    for (int64_t i = 0; i < tap->count; i++)
        if (is_placeholder(run, i / width / tap->shape[1], i / width % tap->shape[1]))
            tap_set(tap, i, tap_value(tap, i) / embed_scale(run));
}

static void embed_unscaled(BugRun *run, const Tap *tap)
{
    for (int64_t i = 0; tap_is_text(tap, TABLE) && i < tap->count; i++)
        tap_set(tap, i, tap_value(tap, i) / embed_scale(run));
}

static void input_scale_missing(BugRun *run, const Tap *tap)
{
    if (!tap_is_text(tap, "#per_layer_inputs")) return;
    const Recorded *embedded = recorded_with(run, tap, TABLE);
    const Recorded *projected = recorded_with(run, tap, ".per_layer_projection_norm");
    if (!embedded || !projected) return;
    for (int64_t i = 0; i < tap->count; i++)
        tap_set(tap, i, embedded->values[tap->first + i] + projected->values[tap->first + i]);
}

static void missing_in_decode(BugRun *run, const Tap *tap)
{
    (void)run;
    bool adds = tap_is_text(tap, ".post_per_layer_input_norm") && tap_run(tap->name) > 0;
    for (int64_t i = 0; adds && i < tap->count; i++) tap_set(tap, i, 0);
}

static void context_unmerged(BugRun *run, const Tap *tap)
{
    if (!is_prompt(tap, PROJECTION)) return;
    const Array *weight = array_named(run, "model.language_model.per_layer_model_projection.weight");
    for (int64_t i = 0; i < tap_rows(tap); i++) {
        if (!is_feature(run, i / tap->shape[1], i % tap->shape[1])) continue;
        double *row = scratch_row(run, tap_width(tap));
        linear_rows(run, row, recorded_row(recorded(run, tap, "model.language_model.embed_tokens"), i), 1, weight,
                    NULL);
        tap_set_row(tap, i, row);
    }
}

static void zero_buffer(BugRun *run, const Tap *tap)
{
    (void)run;
    for (int64_t i = 0; tap_is_text(tap, "#per_layer_inputs") && i < tap->count; i++) tap_set(tap, i, 0);
}

/* Each of two ranks has [batch, half of seq]. Their first dimension is gathered, and [2 * batch, half of seq] is read
 * as [batch, seq]. A batch of one is none the worse. */
static void rows_misaligned(BugRun *run, const Tap *tap)
{
    if (!is_prompt(tap, PROJECTION) || tap->shape[0] == 1 || tap->shape[1] % 2 != 0) return;
    int64_t batch = tap->shape[0], half = tap->shape[1] / 2, width = tap_width(tap);
    double *all = scratch_row(run, tap->count);
    for (int64_t i = 0; i < tap->count; i++) all[i] = tap_value(tap, i);
    for (int64_t i = 0; i < tap_rows(tap); i++) {
        int64_t part = i / half, rank = part / batch, b = part % batch;
        tap_set_row(tap, i, all + ((2 * b + rank) * half + i % half) * width);
    }
}

const Bug per_layer_embedding_bugs[] = {
    { .id = "ple-placeholder-id",
      .stage = "per-layer embeddings",
      .mechanism = "placeholders are looked up by their own id, not by pad_token_id",
      .source = "https://github.com/google/tunix/pull/1608",
      .sources = 3,
      .exposed_by = "per-layer embeddings, and an image in a prompt whose placeholder is in their vocabulary",
      .tap = placeholder_id },
    { .id = "ple-pad-unscaled",
      .stage = "per-layer embeddings",
      .mechanism = "the padding row at placeholders is not multiplied by sqrt(hidden_size_per_layer_input)",
      .source = "https://github.com/ggml-org/llama.cpp/pull/21625",
      .sources = 1,
      .exposed_by = "per-layer embeddings, and an image in a prompt",
      .tap = pad_unscaled },
    { .id = "ple-context-unmerged",
      .stage = "per-layer embeddings",
      .mechanism = "embeddings are projected as they are before features are merged in",
      .source = "https://github.com/google/tunix/pull/1608",
      .sources = 2,
      .exposed_by = "per-layer embeddings, and an image in a prompt",
      .tap = context_unmerged,
      .needs_in_layer = (const char *const[]){ "model.language_model.embed_tokens", NULL } },
    { .id = "ple-rows-misaligned",
      .stage = "per-layer embeddings",
      .mechanism = "projected rows belong to other tokens: halves of sequences are gathered along the batch",
      .source = "https://github.com/NVIDIA-NeMo/Megatron-Bridge/pull/5385",
      .sources = 1,
      .exposed_by = "per-layer embeddings, and a batch of several rows of even length",
      .tap = rows_misaligned },
    { .id = "ple-embed-unscaled",
      .stage = "per-layer embeddings",
      .mechanism = "rows of the table are not multiplied by sqrt(hidden_size_per_layer_input)",
      .source = "https://github.com/huggingface/transformers/issues/45207",
      .sources = 1,
      .exposed_by = "per-layer embeddings",
      .tap = embed_unscaled },
    { .id = "ple-input-scale-missing",
      .stage = "per-layer embeddings",
      .mechanism = "the sum of what is looked up and what is projected is not divided by sqrt(2)",
      .source = "https://github.com/chrishayuk/larql/issues/125",
      .sources = 1,
      .exposed_by = "per-layer embeddings",
      .tap = input_scale_missing,
      .needs_in_layer = (const char *const[]){ "*.embed_tokens_per_layer", "*.per_layer_projection_norm", NULL } },
    { .id = "ple-missing-in-decode",
      .stage = "per-layer embeddings",
      .mechanism = "layers add their per-layer input to the prompt, and to no token after it",
      .source = "https://github.com/chrishayuk/larql/issues/98",
      .sources = 1,
      .exposed_by = "per-layer embeddings, and generation of two tokens",
      .tap = missing_in_decode },
    { .id = "ple-zero-buffer",
      .stage = "per-layer embeddings",
      .mechanism = "layers read zeros where their per-layer input should be",
      .source = "https://github.com/vllm-project/tpu-inference/pull/3406",
      .sources = 1,
      .exposed_by = "per-layer embeddings",
      .tap = zero_buffer },
    { 0 },
};
