/* mask_bugs.c - who may look at whom in the text model
 *
 * Right, in transformers' words: full layers are causal; sliding ones (causal OR the same image block) AND
 * kv > q - W; blocks only for image and video tokens, and only where use_bidirectional_attention is "vision".
 * In gemma4_unified, of which there are two readings (vision_mask.h), Hugging Face opens blocks in all layers.
 * The masks are taps, 1 where a query may look, so each of these bugs is another rule for the same cells.
 */
#include <stdlib.h>
#include <string.h>

#include "bugs/hooks/bug_hooks.h"
#include "diagnose/vision_mask.h"

/* One cell of a mask: query q may look at key kv, both counted from the first token of the row */
typedef struct {
    int64_t q, kv, window;
    bool sliding, may_look, causal, in_window, same_block, same_audio;
    int64_t block_length;
} Cell;

static bool is_vision(int64_t type) { return type == 1 || type == 2; }

static bool is_audio(int64_t type) { return type == 3; }

/* Whether tokens q and kv lie in one run of tokens of that kind; *length: of the run that q lies in */
static bool in_one_run(const Array *types, int64_t b, int64_t q, int64_t kv, bool (*is_kind)(int64_t), int64_t *length)
{
    int64_t seq = types->shape[1], first = q, end = q;
    *length = 0;
    if (q >= seq || !is_kind(array_integer(types, b * seq + q))) return false;
    while (first > 0 && is_kind(array_integer(types, b * seq + first - 1))) first--;
    while (end < seq && is_kind(array_integer(types, b * seq + end))) end++;
    *length = end - first;
    return kv >= first && kv < end;
}

/* Gives every cell that padding does not close to the rule. */
static void rewrite(BugRun *run, const Tap *tap, bool (*rule)(const Cell *cell))
{
    if (!strstr(tap->name, "#causal_mask_mapping.")) return;
    bool sliding = strstr(tap->name, "sliding_attention") != NULL;
    const Inputs *inputs = bug_inputs(run);
    const Array *padding = inputs->attention_mask, *types = inputs->mm_token_type_ids;
    int64_t rows = tap->shape[2], columns = tap->shape[3], prompt = inputs->input_ids->shape[1];
    const char *again = strchr(tap->name, '@');
    int64_t total = prompt + (again ? atoi(again + 1) : 0);
    bool prefill = !again && types;

    for (int64_t b = 0; b < tap->shape[0]; b++)
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < columns; j++) {
                Cell cell = { .q = total - rows + i, .kv = total - columns + j, .sliding = sliding };
                int64_t place = (b * rows + i) * columns + j, length;
                if (padding && cell.kv < prompt && array_integer(padding, b * prompt + cell.kv) == 0) continue;
                cell.window = (int64_t)text_number(run, "sliding_window", 0);
                cell.may_look = tap_get(tap, place) != 0;
                cell.causal = cell.kv <= cell.q;
                cell.in_window = cell.kv > cell.q - cell.window;
                if (prefill) {
                    cell.same_audio = in_one_run(types, b, cell.q, cell.kv, is_audio, &length);
                    cell.same_block = in_one_run(types, b, cell.q, cell.kv, is_vision, &cell.block_length);
                }
                tap_put(tap, place, rule(&cell));
            }
}

static bool window_off_by_one_rule(const Cell *c)
{
    return c->may_look || (c->sliding && c->causal && c->kv == c->q - c->window);
}
static void window_off_by_one(BugRun *run, const Tap *tap) { rewrite(run, tap, window_off_by_one_rule); }

static bool sliding_gets_full_mask_rule(const Cell *c) { return c->may_look || (c->sliding && c->causal); }
static void sliding_gets_full_mask(BugRun *run, const Tap *tap) { rewrite(run, tap, sliding_gets_full_mask_rule); }

static bool bidir_missing_rule(const Cell *c) { return c->may_look && c->causal; }
static void bidir_missing(BugRun *run, const Tap *tap) { rewrite(run, tap, bidir_missing_rule); }

/* On models whose use_bidirectional_attention is null */
static bool bidir_ungated_rule(const Cell *c) { return c->may_look || (c->sliding && c->same_block && c->in_window); }
static void bidir_ungated(BugRun *run, const Tap *tap) { rewrite(run, tap, bidir_ungated_rule); }

static bool is_bidirectional(BugRun *run)
{
    const char *mode = json_string_value(json_object_get(text_config(bug_config(run)), "use_bidirectional_attention"));
    return mode && strcmp(mode, "vision") == 0;
}

static bool bidir_on_global_rule(const Cell *c) { return c->may_look || (!c->sliding && c->same_block); }
static void bidir_on_global(BugRun *run, const Tap *tap)
{
    if (is_bidirectional(run)) rewrite(run, tap, bidir_on_global_rule);
}

static bool bidir_crosses_window_rule(const Cell *c) { return c->may_look || (c->sliding && c->same_block); }
static void bidir_crosses_window(BugRun *run, const Tap *tap)
{
    if (is_bidirectional(run)) rewrite(run, tap, bidir_crosses_window_rule);
}

static bool bidir_dropped_when_long_rule(const Cell *c)
{
    return c->may_look && (c->causal || c->block_length <= c->window);
}
static void bidir_dropped_when_long(BugRun *run, const Tap *tap) { rewrite(run, tap, bidir_dropped_when_long_rule); }

static bool bidir_on_audio_rule(const Cell *c) { return c->may_look || (c->sliding && c->same_audio && c->in_window); }
static void bidir_on_audio(BugRun *run, const Tap *tap)
{
    if (is_bidirectional(run)) rewrite(run, tap, bidir_on_audio_rule);
}

/* No bug: what gemma4_unified's masks are where gemma4's rule is taken for them too */
static bool google_rule(const Cell *c) { return c->sliding ? (c->causal || c->same_block) && c->in_window : c->causal; }
static void google_masks(BugRun *run, const Tap *tap) { rewrite(run, tap, google_rule); }

const Bug google_vision_mask = { .id = "vision-mask-google", .tap = google_masks };

const Bug mask_bugs[] = {
    { .id = "window-off-by-one",
      .stage = "masks",
      .mechanism = "sliding layers see W + 1 keys instead of W",
      .source = "https://github.com/sgl-project/sglang/pull/26147",
      .exposed_by = "a prompt longer than the sliding window",
      .tap = window_off_by_one },
    { .id = "sliding-gets-full-mask",
      .stage = "masks",
      .mechanism = "sliding layers get the causal mask of full ones",
      .source = "https://github.com/EricLBuehler/mistral.rs/pull/2073",
      .exposed_by = "a prompt longer than the sliding window",
      .tap = sliding_gets_full_mask },
    { .id = "bidir-missing",
      .stage = "masks",
      .mechanism = "tokens of an image see only those before them",
      .source = "https://github.com/vllm-project/vllm/issues/40106",
      .exposed_by = "use_bidirectional_attention \"vision\" and an image",
      .tap = bidir_missing },
    { .id = "bidir-ungated",
      .stage = "masks",
      .mechanism = "images are bidirectional although use_bidirectional_attention is null",
      .source = "https://github.com/ggml-org/llama.cpp/issues/28318",
      .exposed_by = "use_bidirectional_attention null and an image",
      .tap = bidir_ungated },
    { .id = "bidir-on-global",
      .stage = "masks",
      .mechanism = "images are bidirectional in full layers too",
      .source = "https://github.com/ggml-org/llama.cpp/pull/28335",
      .exposed_by = "use_bidirectional_attention \"vision\" and an image",
      .tap = bidir_on_global },
    { .id = "bidir-crosses-window",
      .stage = "masks",
      .mechanism = "tokens of one large image see each other beyond the window",
      .source = "https://github.com/huggingface/transformers/pull/46850",
      .exposed_by = "use_bidirectional_attention \"vision\" and an image longer than the window",
      .tap = bidir_crosses_window },
    { .id = "bidir-dropped-when-long",
      .stage = "masks",
      .mechanism = "an image longer than the window is causal altogether",
      .source = "https://github.com/vllm-project/vllm/pull/47217",
      .exposed_by = "use_bidirectional_attention \"vision\" and an image longer than the window",
      .tap = bidir_dropped_when_long },
    { .id = "bidir-on-audio",
      .stage = "masks",
      .mechanism = "tokens of a sound see each other both ways, as those of an image do",
      .source = "https://github.com/ggml-org/llama.cpp/pull/21824",
      .exposed_by = "use_bidirectional_attention \"vision\" and mm_token_type_ids 3",
      .tap = bidir_on_audio },
    { 0 },
};
