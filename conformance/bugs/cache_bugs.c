/* cache_bugs.c - scales of a cache that holds keys and values as codes of e4m3
 *
 * Right: a key is stored as e4m3 of key / k_scale and read as code * k_scale, a value by v_scale; layers that share
 * states read them by the scales of the layer that stored them (ref/gemma4/cache_scales.c). Taps show states before
 * they are stored. A scale that is taken otherwise by the reader alone leaves the codes as they are. Then it is a
 * factor: of logits, that is, an exponent of attention's weights, and of its output, in which values are linear.
 */
#include <math.h>

#include "bugs/hooks/bug_hooks.h"

/* The layer that stored what this one reads: itself, or the last one of its type that shares with none; -1 */
static int storing_layer(const BugRun *run, int layer)
{
    int storing = layer;
    while (storing >= 0 && layer_is_shared(run, layer) &&
           (layer_is_shared(run, storing) || layer_is_sliding(run, storing) != layer_is_sliding(run, layer)))
        storing--;
    return storing;
}

/* The first of the names that the checkpoint has, in the layer that stored what the tap's layer reads */
static double stored_scale(BugRun *run, const Tap *tap, const char *const names[2], double none)
{
    int layer = storing_layer(run, tap_layer(tap));
    double scale = none;
    for (int i = 0; layer >= 0 && i < 2; i++) {
        const Array *array = array_in_layer(run, tap, layer, names[i]);
        if (array) array_read_f64(array, 0, 1, &scale);
    }
    return scale;
}

static double key_scale(BugRun *run, const Tap *tap)
{
    static const char *const names[] = { "self_attn.k_scale", "self_attn.k_proj.k_scale" };
    return stored_scale(run, tap, names, 1);
}

static double value_scale(BugRun *run, const Tap *tap)
{
    static const char *const names[] = { "self_attn.v_scale", "self_attn.v_proj.v_scale" };
    return stored_scale(run, tap, names, key_scale(run, tap));
}

static bool has_scales(const BugRun *run) { return bug_pass(run)->cache == INPUTS_FP8_STATIC; }

static void multiply(const Tap *tap, double factor)
{
    for (int64_t i = 0; factor != 1 && i < tap->count; i++) tap_set(tap, i, tap_value(tap, i) * factor);
}

static void key_scale_for_value(BugRun *run, const Tap *tap)
{
    if (!has_scales(run) || !tap_is_text(tap, ".self_attn#attn_output")) return;
    multiply(tap, key_scale(run, tap) / value_scale(run, tap));
}

/* softmax(z / scale), of softmax(z) */
static void flatten(BugRun *run, const Tap *tap, double scale)
{
    ArenaMark mark = scratch_mark(run);
    for (int64_t i = 0; scale != 1 && i < tap_rows(tap); i++) {
        double *row = tap_row(run, tap, i), sum = 0;
        for (int64_t j = 0; j < tap_width(tap); j++) sum += row[j] = row[j] > 0 ? pow(row[j], 1 / scale) : 0;
        for (int64_t j = 0; j < tap_width(tap); j++) row[j] /= sum;
        tap_set_row(tap, i, row);
        scratch_release(run, mark);
    }
}

static void scales_unread(BugRun *run, const Tap *tap)
{
    if (!has_scales(run)) return;
    if (tap_is_text(tap, ".self_attn#attn_weights")) flatten(run, tap, key_scale(run, tap));
    if (tap_is_text(tap, ".self_attn#attn_output")) multiply(tap, 1 / value_scale(run, tap));
}

static void scales_ignored(Checkpoint *checkpoint)
{
    static const char *const globs[] = { "*.self_attn.k_scale", "*.self_attn.v_scale", "*.self_attn.k_proj.k_scale",
                                         "*.self_attn.v_proj.v_scale" };
    for (size_t i = 0; i < sizeof globs / sizeof *globs; i++) fill_weights(checkpoint, globs[i], 1);
}

const Bug cache_bugs[] = {
    { .id = "quant-cache-scales-ignored",
      .stage = "cache",
      .mechanism = "keys and values are cached and read with 1 for the file's k_scale and v_scale",
      .source = "https://github.com/sgl-project/sglang/pull/20705",
      .sources = 3,
      .exposed_by = "a cache in FP8 with scales that are no powers of two",
      .weights = scales_ignored },
    { .id = "quant-cache-scales-unread",
      .stage = "cache",
      .mechanism = "keys and values are cached by k_scale and v_scale, and read without them",
      .source = "https://github.com/flashinfer-ai/flashinfer/issues/4979",
      .sources = 4,
      .exposed_by = "a cache in FP8 with scales that are not 1",
      .tap = scales_unread },
    { .id = "quant-key-scale-for-value",
      .stage = "cache",
      .mechanism = "values of the cache are read by k_scale, and were stored by v_scale",
      .source = "no known report; the two lie side by side, and old files have one for both",
      .exposed_by = "a cache in FP8 with scales that differ",
      .tap = key_scale_for_value },
    { 0 },
};
