/* mask_bugs.c - who may look at whom in the text model
 *
 * Right, in transformers' words: full layers are causal; sliding ones (causal OR the same image block) AND
 * kv > q - W; blocks only for image and video tokens, and only where use_bidirectional_attention is "vision".
 * In gemma4_unified, of which there are two readings (vision_reading.h), Hugging Face opens blocks in all layers.
 * The masks are taps, 1 where a query may look, so each of these bugs is another rule for the same cells.
 * transformers 5.7 to 5.12 has two of them itself, bidir-on-global and bidir-crosses-window: a port that was compared
 * with one of these may have taken them over.
 */
#include <string.h>

#include "bugs/hooks/mask_cells.h"

static bool window_off_by_one_rule(const MaskCell *c)
{
    return c->may_look || (c->sliding && c->causal && c->kv == c->q - c->window);
}
static void window_off_by_one(BugRun *run, const Tap *tap) { rewrite_masks(run, tap, window_off_by_one_rule); }

static bool sliding_gets_full_mask_rule(const MaskCell *c) { return c->may_look || (c->sliding && c->causal); }
static void sliding_gets_full_mask(BugRun *run, const Tap *tap)
{
    rewrite_masks(run, tap, sliding_gets_full_mask_rule);
}

static bool window_on_global_rule(const MaskCell *c) { return c->may_look && (c->sliding || c->in_window); }
static void window_on_global(BugRun *run, const Tap *tap) { rewrite_masks(run, tap, window_on_global_rule); }

static bool bidir_missing_rule(const MaskCell *c) { return c->may_look && c->causal; }
static void bidir_missing(BugRun *run, const Tap *tap) { rewrite_masks(run, tap, bidir_missing_rule); }

/* On models whose use_bidirectional_attention is null */
static bool bidir_ungated_rule(const MaskCell *c)
{
    return c->may_look || (c->sliding && c->same_block && c->in_window);
}
static void bidir_ungated(BugRun *run, const Tap *tap) { rewrite_masks(run, tap, bidir_ungated_rule); }

static bool is_bidirectional(BugRun *run)
{
    const char *mode = json_string_value(json_object_get(text_config(bug_config(run)), "use_bidirectional_attention"));
    return mode && strcmp(mode, "vision") == 0;
}

static bool bidir_on_global_rule(const MaskCell *c) { return c->may_look || (!c->sliding && c->same_block); }
static void bidir_on_global(BugRun *run, const Tap *tap)
{
    if (is_bidirectional(run)) rewrite_masks(run, tap, bidir_on_global_rule);
}

static bool bidir_crosses_window_rule(const MaskCell *c) { return c->may_look || (c->sliding && c->same_block); }
static void bidir_crosses_window(BugRun *run, const Tap *tap)
{
    if (is_bidirectional(run)) rewrite_masks(run, tap, bidir_crosses_window_rule);
}

static bool bidir_images_one_block_rule(const MaskCell *c)
{
    return c->may_look || (c->sliding && c->both_vision && c->in_window);
}
static void bidir_images_one_block(BugRun *run, const Tap *tap)
{
    if (is_bidirectional(run)) rewrite_masks(run, tap, bidir_images_one_block_rule);
}

static bool bidir_span_whole_prefix_rule(const MaskCell *c)
{
    return c->may_look || (c->sliding && c->before_last && c->in_window);
}
static void bidir_span_whole_prefix(BugRun *run, const Tap *tap)
{
    if (is_bidirectional(run)) rewrite_masks(run, tap, bidir_span_whole_prefix_rule);
}

static bool bidir_dropped_when_long_rule(const MaskCell *c)
{
    return c->may_look && (c->causal || c->block_length <= c->window);
}
static void bidir_dropped_when_long(BugRun *run, const Tap *tap)
{
    rewrite_masks(run, tap, bidir_dropped_when_long_rule);
}

static bool bidir_on_audio_rule(const MaskCell *c)
{
    return c->may_look || (c->sliding && c->same_audio && c->in_window);
}
static void bidir_on_audio(BugRun *run, const Tap *tap)
{
    if (is_bidirectional(run)) rewrite_masks(run, tap, bidir_on_audio_rule);
}

/* A sliding layer's cache still holds the last W - 1 keys before the chunk. */
static bool chunk_drops_window_rule(const MaskCell *c)
{
    return c->may_look || (c->sliding && c->chunk > 0 && c->causal && c->kv > c->chunk - c->window);
}
static void chunk_drops_window(BugRun *run, const Tap *tap) { rewrite_masks(run, tap, chunk_drops_window_rule); }

static bool chunk_splits_block_rule(const MaskCell *c) { return c->may_look && (!c->prefill || c->kv < c->chunk_end); }
static void chunk_splits_block(BugRun *run, const Tap *tap) { rewrite_masks(run, tap, chunk_splits_block_rule); }

static bool prefill_evicts_keys_rule(const MaskCell *c)
{
    return c->may_look && !(c->sliding && c->prefill && c->kv < c->chunk_end - c->window);
}
static void prefill_evicts_keys(BugRun *run, const Tap *tap) { rewrite_masks(run, tap, prefill_evicts_keys_rule); }

/* The place where the block is looked for is further ahead in the row, where causality lets q look anyway; so what the
 * bug does is to leave the block's own tokens without those after them. */
static bool bidir_region_shifted_rule(const MaskCell *c) { return c->may_look && (c->causal || c->chunk == 0); }
static void bidir_region_shifted(BugRun *run, const Tap *tap)
{
    if (is_bidirectional(run)) rewrite_masks(run, tap, bidir_region_shifted_rule);
}

const Bug mask_bugs[] = {
    { .id = "window-off-by-one",
      .stage = "masks",
      .mechanism = "sliding layers see W + 1 keys instead of W",
      .source = "https://github.com/sgl-project/sglang/pull/26147",
      .sources = 4,
      .exposed_by = "a prompt longer than the sliding window",
      .tap = window_off_by_one },
    { .id = "sliding-gets-full-mask",
      .stage = "masks",
      .mechanism = "sliding layers get the causal mask of full ones",
      .source = "https://github.com/EricLBuehler/mistral.rs/pull/2073",
      .sources = 1,
      .exposed_by = "a prompt longer than the sliding window",
      .tap = sliding_gets_full_mask },
    { .id = "window-on-global",
      .stage = "masks",
      .mechanism = "full layers have the window of sliding ones too",
      .source = "https://github.com/vllm-project/vllm/issues/51756",
      .sources = 1,
      .exposed_by = "a prompt longer than the sliding window",
      .tap = window_on_global },
    { .id = "chunk-drops-window",
      .stage = "masks",
      .mechanism = "sliding layers look at all that their cache holds once the prefill's first chunk is over",
      .source = "https://github.com/lablup/mlxcel/issues/885",
      .sources = 2,
      .exposed_by = "a prefill in chunks, and a prompt longer than the sliding window",
      .tap = chunk_drops_window },
    { .id = "chunk-splits-block",
      .stage = "masks",
      .mechanism = "a prefill's chunk ends within an image, whose tokens there do not see those in the next chunk",
      .source = "https://github.com/vllm-project/vllm-gaudi/pull/1797",
      .sources = 1,
      .exposed_by = "use_bidirectional_attention \"vision\", a prefill in chunks, and an image across their border",
      .tap = chunk_splits_block },
    { .id = "prefill-evicts-keys",
      .stage = "masks",
      .mechanism = "sliding layers have the last W keys of a prefill alone: tokens before these lack their window",
      .source = "https://github.com/lablup/mlxcel/issues/401",
      .sources = 3,
      .exposed_by = "a prompt longer than the sliding window",
      .tap = prefill_evicts_keys },
    { .id = "bidir-missing",
      .stage = "masks",
      .mechanism = "tokens of an image see only those before them",
      .source = "https://github.com/vllm-project/vllm/issues/40106",
      .sources = 4,
      .exposed_by = "use_bidirectional_attention \"vision\" and an image",
      .tap = bidir_missing },
    { .id = "bidir-ungated",
      .stage = "masks",
      .mechanism = "images are bidirectional although use_bidirectional_attention is null",
      .source = "https://github.com/ggml-org/llama.cpp/issues/28318",
      .sources = 4,
      .exposed_by = "use_bidirectional_attention null and an image",
      .tap = bidir_ungated },
    { .id = "bidir-on-global",
      .stage = "masks",
      .mechanism = "images are bidirectional in full layers too",
      .source = "https://github.com/ggml-org/llama.cpp/pull/28335",
      .sources = 3,
      .exposed_by = "use_bidirectional_attention \"vision\" and an image",
      .tap = bidir_on_global },
    { .id = "bidir-crosses-window",
      .stage = "masks",
      .mechanism = "tokens of one large image see each other beyond the window",
      .source = "https://github.com/huggingface/transformers/pull/46850",
      .sources = 3,
      .exposed_by = "use_bidirectional_attention \"vision\" and an image longer than the window",
      .tap = bidir_crosses_window },
    { .id = "bidir-images-one-block",
      .stage = "masks",
      .mechanism = "all images of a prompt are one block, whose tokens see each other",
      .source = "https://github.com/lmstudio-ai/mlx-engine/pull/362",
      .sources = 1,
      .exposed_by = "use_bidirectional_attention \"vision\" and two images apart, but within the window",
      .tap = bidir_images_one_block },
    { .id = "bidir-region-shifted",
      .stage = "masks",
      .mechanism = "an image in a later chunk is looked for without counting what is cached, and so not found",
      .source = "https://github.com/openvinotoolkit/openvino/pull/36708",
      .sources = 1,
      .exposed_by = "use_bidirectional_attention \"vision\", a prefill in chunks, and an image in a later one",
      .tap = bidir_region_shifted },
    { .id = "bidir-span-whole-prefix",
      .stage = "masks",
      .mechanism = "everything up to the last image is one block, whose tokens see each other",
      .source = "https://github.com/lmstudio-ai/mlx-engine/pull/362",
      .sources = 1,
      .exposed_by = "use_bidirectional_attention \"vision\" and an image after text",
      .tap = bidir_span_whole_prefix },
    { .id = "bidir-dropped-when-long",
      .stage = "masks",
      .mechanism = "an image longer than the window is causal altogether",
      .source = "https://github.com/vllm-project/vllm/pull/47217",
      .sources = 2,
      .exposed_by = "use_bidirectional_attention \"vision\" and an image longer than the window",
      .tap = bidir_dropped_when_long },
    { .id = "bidir-on-audio",
      .stage = "masks",
      .mechanism = "tokens of a sound see each other both ways, as those of an image do",
      .source = "https://github.com/ggml-org/llama.cpp/pull/21824",
      .sources = 2,
      .exposed_by = "use_bidirectional_attention \"vision\" and mm_token_type_ids 3",
      .tap = bidir_on_audio },
    { 0 },
};
