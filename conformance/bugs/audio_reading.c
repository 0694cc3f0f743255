/* audio_reading.c - an additive mask read as a boolean: docs/readings.md says who did
 *
 * Where a query may look 0 is added to its logits, elsewhere the least float. Read as a boolean that says the opposite.
 * Places before the first frame and behind the last one were filled with 0, so nobody hears them in either reading.
 */
#include "bugs/audio_reading.h"

#include "bugs/hooks/bug_hooks.h"

#define TOWER "model.audio_tower"

static int64_t audio_number(const BugRun *run, const char *key, int64_t otherwise)
{
    const json_t *value = json_object_get(json_object_get(bug_config(run), "audio_config"), key);
    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

/* [clips, 1, blocks, chunk, context]; the context of a chunk begins `past` frames before it. */
static void take_as_boolean(BugRun *run, const Tap *tap)
{
    if (!tap_is(tap->name, TOWER "#attention_mask")) return;
    int64_t seq = recorded(run, tap, TOWER ".subsample_conv_projection#mask")->shape[1];
    int64_t blocks = tap->shape[2], chunk = tap->shape[3], context = tap->shape[4];
    int64_t past = audio_number(run, "attention_context_left", 13) - 1;
    for (int64_t i = 0; i < tap->count; i++) {
        int64_t query = i / context % (blocks * chunk), key = query - query % chunk + i % context - past;
        bool is_frame = query < seq && key >= 0 && key < seq;
        tap_set(tap, i, is_frame && tap_value(tap, i) == 0);
    }
}

static const char *const needs[] = { TOWER ".subsample_conv_projection#mask", NULL };

const Bug audio_mask_before_5_20 = { .id = "audio-mask-before-5.20", .tap = take_as_boolean, .needs_in_layer = needs };
