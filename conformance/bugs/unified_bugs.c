/* unified_bugs.c - the family without towers: merged patches and frames of sound on their way to the text model
 *
 * Right: LayerNorm, linear, LayerNorm, with torch's epsilon 1e-5; plus one row of each axis's table; LayerNorm; then
 * RMSNorm and the projection, which is all that sound gets. A frame of sound is one token, also where it is not full.
 */
#include <math.h>
#include <string.h>

#include "bugs/hooks/bug_hooks.h"

#include "checkpoint/token_ids.h"
static const char embedder[] = "model.embed_vision";

static bool is_embedder(const Tap *tap, const char *local)
{
    return tap_begins(tap->name, embedder) && tap_ends(tap->name, local);
}

/* ---------------------------------------------------------------- patches */

/* Rows of zeros, which padding is, come first; the positions stay. */
static void merge_pad_first(BugRun *run, const Tap *tap)
{
    if (!is_embedder(tap, ".patch_ln1")) return;
    int64_t patches = tap->shape[1], width = tap->shape[2];
    const Array *positions = patch_positions(run, tap);
    double *rows = scratch_row(run, patches * width);
    for (int64_t image = 0; image < tap->shape[0]; image++) {
        int64_t first = image * patches, padding = 0;
        for (int64_t i = first; i < first + patches; i++)
            padding += array_integer(positions, 2 * i) == -1 && array_integer(positions, 2 * i + 1) == -1;
        if (padding == 0) continue;
        for (int64_t i = 0; i < patches * width; i++) rows[i] = tap_value(tap, first * width + i);
        for (int64_t i = 0; i < patches; i++) tap_set_row(tap, first + (i + padding) % patches, rows + i * width);
    }
}

/* The largest y of the image; -1 if all of it is padding */
static int64_t largest_y(const Array *positions, int64_t image)
{
    int64_t patches = positions->shape[1], largest = -1;
    for (int64_t i = image * patches; i < (image + 1) * patches; i++) {
        int64_t y = array_integer(positions, 2 * i + 1);
        if (y > largest) largest = y;
    }
    return largest;
}

static void posemb_flat_index(BugRun *run, const Tap *tap)
{
    if (!is_embedder(tap, "#pos_embs")) return;
    const Array *positions = patch_positions(run, tap), *table = array_named(run, "model.embed_vision.pos_embedding");
    int64_t patches = tap->shape[1], width = tap->shape[2], size = table->shape[0];
    double *of_x = scratch_row(run, width), *of_y = scratch_row(run, width);
    for (int64_t i = 0; i < tap_rows(tap); i++) {
        int64_t x = array_integer(positions, 2 * i), y = array_integer(positions, 2 * i + 1);
        int64_t flat = x * (largest_y(positions, i / patches) + 1) + y;
        if (x < 0 || y < 0 || (x == flat && y == flat)) continue;
        if (flat >= size) flat = size - 1;
        read_row(run, table, 2 * flat, of_x);
        read_row(run, table, 2 * flat + 1, of_y);
        for (int64_t j = 0; j < width; j++) of_x[j] += of_y[j];
        tap_set_row(tap, i, of_x);
    }
}

static void dense_f16_overflow(BugRun *run, const Tap *tap)
{
    (void)run;
    if (!is_embedder(tap, ".patch_dense")) return;
    for (int64_t i = 0; i < tap->count; i++)
        if (fabs(tap_value(tap, i)) > 65504) tap_set(tap, i, copysign(INFINITY, tap_value(tap, i)));
}

/* ---------------------------------------------------------------- LayerNorm */

/* Row i of the input of the norm that the tap is of; NULL where it is of none */
static double *norm_input(BugRun *run, const Tap *tap, int64_t i)
{
    if (is_embedder(tap, ".patch_ln1")) return feature_row(run, tap, i);
    const Recorded *dense = recorded(run, tap, "model.embed_vision.patch_dense");
    const Recorded *embedded = recorded(run, tap, "model.embed_vision.patch_ln2");
    const Recorded *positions = recorded(run, tap, "model.embed_vision#pos_embs");
    bool is_last = is_embedder(tap, ".pos_norm");
    if (!is_last && !is_embedder(tap, ".patch_ln2")) return NULL;
    double *row = scratch_row(run, tap_width(tap));
    for (int64_t j = 0; j < tap_width(tap); j++)
        row[j] = is_last ? as_result(run, recorded_row(embedded, i)[j] + recorded_row(positions, i)[j])
                         : recorded_row(dense, i)[j];
    return row;
}

static void layer_norm_row(double *row, int64_t width, const double *weight, const double *bias, double eps)
{
    double mean = 0, variance = 0;
    for (int64_t j = 0; j < width; j++) mean += row[j] / (double)width;
    for (int64_t j = 0; j < width; j++) variance += (row[j] - mean) * (row[j] - mean) / (double)width;
    for (int64_t j = 0; j < width; j++) row[j] = (row[j] - mean) / sqrt(variance + eps) * weight[j] + bias[j];
}

static void layernorm_eps(BugRun *run, const Tap *tap)
{
    if (!is_embedder(tap, "_norm") && !is_embedder(tap, "_ln1") && !is_embedder(tap, "_ln2")) return;
    ArenaMark mark = scratch_mark(run);
    for (int64_t i = 0; i < tap_rows(tap); i++, scratch_release(run, mark)) {
        double *row = norm_input(run, tap, i);
        if (!row) return;
        layer_norm_row(row, tap_width(tap), weight_of(run, tap), bias_of(run, tap), 1e-6);
        tap_set_row(tap, i, row);
    }
}

/* ---------------------------------------------------------------- sound */

/* Whether the samples after the first quarter of the frame are none, but what fills it up */
static bool is_quarter_full(const Array *features, int64_t clip, int64_t frame)
{
    int64_t width = features->shape[2], first = (clip * features->shape[1] + frame) * width;
    for (int64_t i = first + (width + 3) / 4; i < first + width; i++) {
        double sample;
        array_read_f64(features, i, 1, &sample);
        if (sample != 0) return false;
    }
    return true;
}

/* The clip loses its last frame if that is a quarter full. */
static bool lose_frame(const Array *features, int64_t *mask, int64_t clip)
{
    int64_t frames = features->shape[1], last = frames - 1;
    while (last > 0 && !mask[clip * frames + last]) last--;
    if (!is_quarter_full(features, clip, last)) return false;
    mask[clip * frames + last] = 0;
    return true;
}

/* Everything before token `at` of the row moves one on, over it, and padding comes in front. */
static void lose_token(int64_t *row, int64_t at, int64_t padding)
{
    memmove(row + 1, row, (size_t)at * sizeof *row);
    row[0] = padding;
}

/* Placeholders are counted as for a mel spectrogram and its convolutions: one for each 640 samples, and for a rest only
 * if it is of more than 160. The prompt has so many fewer tokens; Hugging Face pads on the left. */
static void audio_count(BugRun *run, Inputs *inputs)
{
    const Array *features = inputs->input_features;
    if (!features || !inputs->input_features_mask || !inputs->input_ids || !inputs->attention_mask) return;
    int64_t *mask = own_integers(run, &inputs->input_features_mask), *ids = own_integers(run, &inputs->input_ids);
    int64_t *padding = own_integers(run, &inputs->attention_mask);
    int64_t *types = inputs->mm_token_type_ids ? own_integers(run, &inputs->mm_token_type_ids) : NULL;
    int64_t audio_token_id = (int64_t)outer_number(run, "audio_token_id", AUDIO_TOKEN_ID), clip = 0;
    int64_t seq = inputs->input_ids->shape[1], count = seq * inputs->input_ids->shape[0];
    for (int64_t i = 0; i < count && clip < features->shape[0]; i++) {
        bool is_last = ids[i] == audio_token_id && ((i + 1) % seq == 0 || ids[i + 1] != audio_token_id);
        if (!is_last || !lose_frame(features, mask, clip++)) continue;
        int64_t row = i - i % seq;
        lose_token(ids + row, i % seq, (int64_t)text_number(run, "pad_token_id", 0));
        lose_token(padding + row, i % seq, 0);
        if (types) lose_token(types + row, i % seq, 0);
    }
}

/* ---------------------------------------------------------------- the list */

const Bug unified_bugs[] = {
    { .id = "unified-merge-pad-first",
      .stage = "patches",
      .mechanism = "patches are padded before they are merged, which puts the padding in front of the image",
      .source = "https://github.com/keras-team/keras-hub/pull/2758",
      .sources = 1,
      .exposed_by = "gemma4_unified and a padded image",
      .tap = merge_pad_first },
    { .id = "unified-layernorm-eps",
      .stage = "patches",
      .mechanism = "LayerNorms have the RMSNorms' epsilon, 1e-6, and not torch's 1e-5",
      .source = "no known report; all other norms of the model have an epsilon of 1e-6",
      .exposed_by = "gemma4_unified and a dark or flat image",
      .tap = layernorm_eps,
      .needs_in_layer = (const char *const[]){ "model.embed_vision.patch_dense", "model.embed_vision.patch_ln2",
                                               "model.embed_vision#pos_embs", NULL } },
    { .id = "unified-dense-f16-overflow",
      .stage = "patches",
      .mechanism = "patch_dense is computed in float16, and infinite beyond 65504",
      .source = "https://github.com/vllm-project/vllm/pull/48233",
      .sources = 2,
      .exposed_by = "gemma4_unified and patches of much contrast",
      .tap = dense_f16_overflow },
    { .id = "posemb-flat-index",
      .stage = "patches",
      .mechanism = "both axes' position tables are looked up at x * rows of the image + y",
      .source = "https://github.com/keras-team/keras-hub/pull/2758",
      .sources = 1,
      .exposed_by = "gemma4_unified and an image of more than one patch",
      .tap = posemb_flat_index },
    { .id = "audio-unified-count",
      .stage = "sound",
      .mechanism = "tokens of sound are counted as for a mel spectrogram, which loses a frame that is a quarter full",
      .source = "https://github.com/vllm-project/vllm/pull/47652",
      .sources = 1,
      .exposed_by = "gemma4_unified and a clip of 1 to 160 samples more than whole frames, in a padded row",
      .inputs = audio_count },
    { 0 },
};
