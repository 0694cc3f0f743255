/* bug_cases.c - cases for the catalogue: what each shows, and where */
#include "bug_cases.h"

#include "dump/tap_name.h"

/* Two images: one of two soft tokens, and one of one, padded */
#define IMAGES                                                                                                         \
    "\"pixel_values\": \"2 8 12\", \"image_position_ids\": [[[0, 0], [1, 0], [2, 0], [3, 0], [0, 1], [1, 1], [2, 1], " \
    "[3, 1]], [[0, 0], [1, 0], [0, 1], [1, 1], [-1, -1], [-1, -1], [-1, -1], [-1, -1]]]"
/* Two images of two soft tokens, one wide, one high */
#define WIDE_AND_HIGH                                                                                                  \
    "\"pixel_values\": \"2 8 12\", \"image_position_ids\": [[[0, 0], [1, 0], [2, 0], [3, 0], [0, 1], [1, 1], [2, 1], " \
    "[3, 1]], [[0, 0], [1, 0], [0, 1], [1, 1], [0, 2], [1, 2], [0, 3], [1, 3]]]"
/* Without a tower a patch is a soft token: an image longer than the window, one shorter than it, and padded; in the
 * second row, after padding, a clip whose second frame has one sample of five. */
#define UNIFIED                                                                                                  \
    "\"input_ids\": [[20, 20, 20, 20, 5, 20, 20, 22, 22, 3], [0, 0, 0, 2, 3, 22, 22, 6, 7, 4]], "                \
    "\"attention_mask\": [[1, 1, 1, 1, 1, 1, 1, 1, 1, 1], [0, 0, 0, 1, 1, 1, 1, 1, 1, 1]], "                     \
    "\"mm_token_type_ids\": [[1, 1, 1, 1, 0, 1, 1, 3, 3, 0], [0, 0, 0, 0, 0, 3, 3, 0, 0, 0]], "                  \
    "\"pixel_values\": \"2 4 12\", \"image_position_ids\": [[[0, 0], [1, 0], [0, 1], [1, 1]], [[0, 0], [1, 0], " \
    "[-1, -1], [-1, -1]]], \"input_features_mask\": [[true, true], [true, true]], \"input_features\": "          \
    "[[[0.3, -0.2, 0.1, 0.4, -0.5], [0.2, 0.6, -0.1, 0.3, 0.1]], [[-0.4, 0.1, 0.2, -0.3, 0.5], [0.7, 0.0, 0.0, " \
    "0.0, 0.0]]]"
#define TEN "true, true, true, true, true, true, true, true, true, true"
#define NONE "false, false, false, false, false, false, false, false, false, false"
#define PROMPT "\"input_ids\": [[1, 20, 20, 2, 20, 3, 4, 5]], "
#define SIX_TYPES                                                                                                    \
    "\"num_hidden_layers\": 6, \"layer_types\": [\"sliding_attention\", \"full_attention\", \"sliding_attention\", " \
    "\"full_attention\", \"sliding_attention\", \"full_attention\"], "
#define CAPPED "\"final_logit_softcapping\": 2.0"

#define DECODER                                                                                     \
    "rope-global-full-rotation rope-inv-freq-low-precision rope-partial-prefix "                    \
    "rope-layer-type-swapped rope-angle-f16 rope-pairs-interleaved v-norm-missing attn-softcap-50 " \
    "text-rmsnorm-one-plus-weight dense-mlp-silu rope-dim-half rmsnorm-bf16-variance "              \
    "attn-scale-rsqrt layer-scalar-missing pre-ffn-norm-mismapped gelu-exact rms-eps-1e-5 qk-norms-swapped "
#define WINDOWED "window-off-by-one window-on-global sliding-gets-full-mask prefill-evicts-keys "
#define PIXELS "pixels-all-zero patch-feature-order vision-xy-swapped vision-grid-column-major "
#define TOWER                                                                                             \
    PIXELS "clippable-keys-missed tower-rmsnorm-one-plus-weight vision-rope-half-shared "                 \
           "vision-v-norm-missing vision-attn-scale-rsqrt vision-quick-gelu pool-sum pool-scale-missing " \
           "projector-norm-after-projection projector-norm-missing "
#define EMBEDDERS                                                                                             \
    PIXELS "unified-merge-pad-first unified-layernorm-eps posemb-flat-index projector-norm-after-projection " \
           "projector-norm-missing audio-unified-count "
#define IMAGE_PAIR "pool-images-overlap vision-attends-across-images "
#define AUDIO                                                                                                          \
    "audio-int16-unscaled mel-log-hard-floor audio-subsample-no-mask audio-relpos-ascending audio-relpos-interleaved " \
    "audio-mask-inverted audio-window-13 audio-qscale-zero audio-softcap-missing audio-glu-halves-swapped "            \
    "audio-conv-centred audio-conv-norms-swapped audio-residual-weight-1 audio-rms-eps-1e-5 audio-group-norm "         \
    "audio-rmsnorm-one-plus audio-zeroed-duplicates "                                                                  \
    "projector-norm-after-projection projector-norm-missing "
#define PADDED                                                                                    \
    "vision-mask-none vision-mask-multiplicative vision-mask-bool-added pool-padding-not-zeroed " \
    "pool-kernel-from-real-count "
#define MERGE "merge-embed-scale-on-features merge-features-inverse-scaled merge-text-unscaled merge-skipped "

const BugCase bug_cases[] = {
    { .text = "{\"global_head_dim\": 16}", /* of which two pairs turn */
      .arrays = two_rows,
      .shows = DECODER WINDOWED "layer-scalar-misplaced rope-partial-denominator" },
    /* nothing to look back at, and no rotation at position 0 */
    { .text = "{}",
      .arrays = "{\"input_ids\": [[5]]}",
      .shows =
          "v-norm-missing layer-scalar-missing layer-scalar-misplaced pre-ffn-norm-mismapped gelu-exact rms-eps-1e-5 "
          "qk-norms-swapped text-rmsnorm-one-plus-weight dense-mlp-silu rmsnorm-bf16-variance" },
    { .text = "{" SHARED ", " CAPPED "}",
      .arrays = "{\"input_ids\": [[5, 9, 2, 11, 7, 3], [4, 12, 6, 10, 1, 8]]}",
      .tokens = 3,
      .shows = DECODER WINDOWED "decode-window-ignored decode-ring-off-by-one rope-shared-q-late "
                                "layer-scalar-misplaced double-wide-missing ple-zero-buffer ple-rows-misaligned "
                                "rope-q-plus-one ple-embed-unscaled ple-input-scale-missing ple-missing-in-decode "
                                "softcap-missing softcap-times-logit softcap-twice" },
    { .text = "{" SIX_TYPES "\"num_kv_shared_layers\": 0}",
      .resaved = "{" SIX_TYPES "\"num_kv_shared_layers\": 2}",
      .arrays = two_rows,
      .tokens = 3,
      .shows = DECODER WINDOWED
      "decode-window-ignored decode-ring-off-by-one rope-shared-q-late "
      "layer-scalar-misplaced rope-q-plus-one rope-batch-cursor kv-shared-recomputed kv-shared-wrong-donor "
      "kv-shared-overwrites" },
    { .text = "{" MOE ", \"attention_k_eq_v\": true}",
      .arrays = two_rows,
      .shows = DECODER WINDOWED
      "layer-scalar-misplaced kv-tied-after-norm router-input-normed router-norm-scale-missing "
      "per-expert-scale-missing per-expert-scale-twice experts-silu experts-ignored "
      "experts-gptoss-swiglu gate-up-swapped router-no-renorm router-bf16-softmax" },
    { .text = "{\"hidden_size_per_layer_input\": 4}",
      .whole = "{}",
      .arrays = "{" PROMPT IMAGES ", \"mm_token_type_ids\": [[0, 1, 1, 0, 1, 0, 0, 0]]}",
      .shows = DECODER WINDOWED TOWER PADDED MERGE IMAGE_PAIR
      "layer-scalar-misplaced merge-stale-first-image ple-placeholder-id "
      "ple-pad-unscaled ple-context-unmerged ple-zero-buffer ple-embed-unscaled "
      "ple-input-scale-missing bidir-ungated" },
    /* a block within the window, one longer than it, and sound */
    { .text = "{\"use_bidirectional_attention\": \"vision\"}",
      .whole = "{}",
      .arrays = "{\"input_ids\": [[20, 20, 2, 3, 4, 20, 5, 6]], " IMAGES
                ", \"mm_token_type_ids\": [[1, 1, 1, 1, 0, 1, 3, 3]]}",
      .shows = DECODER WINDOWED TOWER PADDED MERGE IMAGE_PAIR
      "layer-scalar-misplaced merge-stale-first-image bidir-missing "
      "bidir-on-global bidir-crosses-window bidir-dropped-when-long bidir-images-one-block bidir-span-whole-prefix "
      "bidir-on-audio" },
    { .text = "{}",
      .whole = "{}",
      .arrays = "{" PROMPT IMAGES "}",
      .scaled = { "model.vision_tower.encoder.layers.0.post_feedforward_layernorm.weight",
                  "model.language_model.layers.1.self_attn.v_proj.weight" },
      .shows = DECODER WINDOWED TOWER PADDED MERGE IMAGE_PAIR "layer-scalar-misplaced merge-stale-first-image "
                                                              "pool-scale-f16-overflow v-norm-f16-overflow" },
    { .folder = E2B,
      .shows = TOWER PADDED IMAGE_PAIR
      "vision-rope-dim-full vision-clip-omitted vision-clip-lost-in-fused-qkv gelu-exact rms-eps-1e-5 "
      "qk-norms-swapped" },
    { .folder = BIG,
      .shows = TOWER PADDED "vision-rope-dim-full std-not-loaded gelu-exact rms-eps-1e-5 qk-norms-swapped" },
    { .text = "{\"use_bidirectional_attention\": \"vision\", \"attention_k_eq_v\": true, " CAPPED "}",
      .whole = "{}",
      .unified = true,
      .arrays = "{" UNIFIED "}",
      .shows = DECODER WINDOWED MERGE EMBEDDERS
      "layer-scalar-misplaced merge-stale-first-image merge-seq-major bidir-missing "
      "bidir-dropped-when-long bidir-images-one-block bidir-span-whole-prefix bidir-on-audio "
      "kv-tied-after-norm softcap-missing softcap-times-logit softcap-twice" },
    { .text = "{\"use_bidirectional_attention\": null}",
      .whole = "{}",
      .unified = true,
      .arrays = "{" UNIFIED "}",
      .scaled = { "model.vision_embedder.patch_dense.weight" },
      .shows = DECODER WINDOWED MERGE EMBEDDERS
      "layer-scalar-misplaced merge-stale-first-image merge-seq-major bidir-ungated unified-dense-f16-overflow" },
    { .text = "{}",
      .whole = "{}",
      .arrays = "{\"input_ids\": [[1, 20, 20, 2, 20, 20, 4, 5]], " WIDE_AND_HIGH "}",
      .shows = DECODER WINDOWED TOWER MERGE IMAGE_PAIR
      "layer-scalar-misplaced merge-stale-first-image pool-width-of-batch" },
    { .text = "{}",
      .arrays = "{\"input_ids\": [[5, 9, 2, 11, 7]], \"position_ids\": [[4093, 4094, 4095, 4096, 4097]]}",
      .shows = DECODER WINDOWED "layer-scalar-misplaced rope-positions-bf16 rope-cache-short" },
    /* two images, the first across the border of two chunks, the second in the later one */
    { .text = "{\"use_bidirectional_attention\": \"vision\"}",
      .whole = "{}",
      .arrays = "{\"input_ids\": [[1, 2, 3, 20, 20, 4, 20, 20]], \"prefill_chunk_size\": [4], " WIDE_AND_HIGH
                ", \"mm_token_type_ids\": [[0, 0, 0, 1, 1, 0, 1, 1]]}",
      .shows = DECODER WINDOWED TOWER MERGE IMAGE_PAIR
      "layer-scalar-misplaced merge-stale-first-image pool-width-of-batch bidir-missing bidir-on-global "
      "bidir-images-one-block bidir-span-whole-prefix bidir-region-shifted chunk-drops-window chunk-splits-block" },
    /* a root that bfloat16 rounds */
    { .text = "{}",
      .whole = "{}",
      .arrays = "{\"input_ids\": [[1, 20, 20, 2, 20, 20, 4, 5]], " WIDE_AND_HIGH "}",
      .rounding = ROUNDING_BF16,
      .shows = DECODER WINDOWED TOWER MERGE IMAGE_PAIR
      "layer-scalar-misplaced merge-stale-first-image pool-width-of-batch embed-scale-unrounded "
      "embed-scale-bf16-product" },
    /* two clips of sound, one of them longer than the context, the other an even number of frames */
    { .text = "{}",
      .whole = "{}",
      .arrays = "{\"input_features\": \"2 20 12\", \"input_features_mask\": [[" TEN ", " TEN "], [" TEN ", " NONE "]]}",
      .shows = AUDIO },
    /* int4 with zeros, NVFP4, int8 with inputs of a scale a token, FP8 with the file's */
    { .folder = "fixtures/quantised/e2b-mixed",
      .shows = DECODER WINDOWED
      "layer-scalar-misplaced double-wide-missing ple-zero-buffer ple-embed-unscaled ple-input-scale-missing "
      "rope-partial-denominator rope-shared-q-late softcap-missing softcap-times-logit softcap-twice "
      "quant-nibbles-exchanged "
      "quant-scales-ignored quant-zero-off-by-one quant-zero-twice quant-zero-clamped quant-neighbour-scale "
      "quant-scales-transposed quant-gate-scale-for-up quant-global-scale-missing quant-inputs-per-tensor "
      "quant-input-scale-missing quant-kept-weights-rounded quant-kept-weights-cast" },
    { .folder = "fixtures/e4b-audio-vision",
      .shows = DECODER WINDOWED TOWER PADDED MERGE IMAGE_PAIR
      "audio-group-norm audio-rmsnorm-one-plus audio-zeroed-duplicates "
      "audio-clip-omitted audio-conv-centred audio-conv-norms-swapped audio-glu-halves-swapped audio-"
      "int16-unscaled audio-mask-inverted audio-qscale-zero audio-relpos-ascending audio-relpos-"
      "interleaved audio-residual-weight-1 audio-rms-eps-1e-5 audio-softcap-missing audio-window-13 "
      "bidir-ungated layer-scalar-misplaced mel-log-hard-floor ple-context-unmerged ple-embed-unscaled "
      "ple-input-scale-missing ple-pad-unscaled ple-placeholder-id ple-zero-buffer rope-partial-"
      "denominator softcap-missing softcap-times-logit softcap-twice vision-clip-lost-in-fused-qkv "
      "vision-clip-omitted vision-rope-dim-full " },
    /* FP8 in blocks, the last ones of rows and columns in part; a head that is the embeddings' table */
    { .folder = "fixtures/quantised/31b-fp8-block",
      .shows = DECODER WINDOWED
      "layer-scalar-misplaced rope-partial-denominator kv-tied-after-norm softcap-missing softcap-times-logit "
      "softcap-twice quant-scales-ignored quant-neighbour-scale quant-scales-transposed quant-gate-scale-for-up "
      "quant-tail-scale quant-blocks-of-equal-size quant-kept-weights-rounded" },
    { .folder = "fixtures/quantised/e2b-fp8-cache",
      .cache = INPUTS_FP8_STATIC,
      .shows = DECODER WINDOWED
      "layer-scalar-misplaced double-wide-missing ple-zero-buffer ple-embed-unscaled ple-input-scale-missing "
      "rope-partial-denominator rope-shared-q-late softcap-missing softcap-times-logit softcap-twice "
      "quant-cache-scales-ignored quant-cache-scales-unread quant-key-scale-for-value" },
};

const int bug_case_count = COUNT(bug_cases);

OpenedCase bug_case_open(const BugCase *c)
{
    Error error = { "" };
    OpenedCase opened = { 0 };
    const char *inputs = temporary("inputs.safetensors");
    if (c->folder) {
        opened.model = arena_format(&scratch, "%s/model", c->folder);
        inputs = arena_format(&scratch, "%s/inputs.safetensors", c->folder);
    } else {
        opened.model = c->unified ? tiny_write_unified(c->text, c->whole)
                       : c->whole ? tiny_write_multimodal(c->text, c->whole)
                                  : tiny_write(c->text);
        write_arrays(inputs, c->arrays);
    }
    if (c->resaved) tiny_write_config(c->resaved);
    for (int i = 0; i < COUNT(c->scaled); i++)
        if (c->scaled[i]) copy_weight_row((Text){ opened.model, inputs }, c->scaled[i], 0, 0, 1e6);
    opened.inputs = inputs_open(inputs, &error);
    assert_clean(&error);
    return opened;
}

bool bug_shows(const BugCase *c, const char *id)
{
    const char *ids = c->shows;
    for (const char *at = strstr(ids, id); at; at = strstr(at + 1, id))
        if ((at == ids || at[-1] == ' ') && strchr(" ", at[strlen(id)])) return true;
    return false;
}
