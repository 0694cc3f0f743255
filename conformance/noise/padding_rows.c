/* padding_rows.c - padding, by tap */
#include "noise/padding_rows.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/token_ids.h"
#include "run/arena.h"
#include "dump/tap_name.h"
#include "dump/tap_value.h"

/* Patches with a position of -1 on either axis: no soft token comes of them. */
static bool *padding_patches(const Array *pixel_values, const Array *position_ids)
{
    if (!pixel_values || !position_ids) return NULL;
    int64_t count = array_elements(position_ids) / 2;
    bool *padding = allocate_zeroed((size_t)count + 1, sizeof *padding);
    for (int64_t i = 0; i < count; i++)
        padding[i] = array_integer(position_ids, 2 * i) == -1 || array_integer(position_ids, 2 * i + 1) == -1;
    return padding;
}

static bool has_features(const Inputs *inputs, const json_t *config, int64_t id)
{
    const struct {
        const char *key;
        json_int_t otherwise;
        const Array *features;
    } kinds[] = { { "image_token_id", IMAGE_TOKEN_ID, inputs->pixel_values },
                  { "video_token_id", VIDEO_TOKEN_ID, inputs->pixel_values_videos },
                  { "audio_token_id", AUDIO_TOKEN_ID, inputs->input_features } };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const json_t *token = json_object_get(config, kinds[i].key);
        if (kinds[i].features && id == (token ? json_integer_value(token) : kinds[i].otherwise)) return true;
    }
    return false;
}

/* A text-only model has no placeholders: config.json then has no text_config. */
static bool *overwritten_tokens(const Inputs *inputs, const json_t *config)
{
    if (!inputs->input_ids || !json_object_get(config, "text_config")) return NULL;
    int64_t count = array_elements(inputs->input_ids);
    bool *overwritten = allocate_zeroed((size_t)count + 1, sizeof *overwritten);
    for (int64_t i = 0; i < count; i++)
        overwritten[i] = has_features(inputs, config, array_integer(inputs->input_ids, i));
    return overwritten;
}

PaddingRows padding_rows_of(const Inputs *inputs, const json_t *config)
{
    PaddingRows rows = { .image_padding = padding_patches(inputs->pixel_values, inputs->image_position_ids),
                         .video_padding = padding_patches(inputs->pixel_values_videos, inputs->video_position_ids),
                         .audio_frames = audio_frames_of(inputs->input_features_mask, config),
                         .overwritten = overwritten_tokens(inputs, config) };
    if (inputs->input_ids) {
        rows.batch = inputs->input_ids->shape[0];
        rows.tokens = inputs->input_ids->shape[1];
    }
    return rows;
}

static bool *copy_mask(bool *old, const Tap *tap)
{
    bool *mask = reallocate(old, (size_t)tap->count + 1, sizeof *mask);
    for (int64_t i = 0; i < tap->count; i++) mask[i] = tap_value(tap, i) != 0;
    return mask;
}

static bool is_causal_mask(const char *name)
{
    return tap_ends(name, "#causal_mask_mapping.full_attention") ||
           tap_ends(name, "#causal_mask_mapping.sliding_attention");
}

/* Whatever the mask is, a token may look at itself unless it is padding. */
static void observe_causal_mask(PaddingRows *rows, const Tap *tap)
{
    int64_t tokens = rows->tokens, count = rows->batch * tokens;
    assert(tap->count == count * tokens);
    if (!rows->masked) rows->masked = allocate_zeroed((size_t)count + 1, sizeof *rows->masked);
    for (int64_t i = 0; i < count; i++) rows->masked[i] = tap_value(tap, i * tokens + i % tokens) == 0;
}

/* Videos go through the tower after the images: their masks take the place of the images'. */
void padding_rows_observe(PaddingRows *rows, const Tap *tap)
{
    if (tap_is(tap->name, "model.vision_tower#padding_positions")) {
        rows->padding = copy_mask(rows->padding, tap);
        rows->padding_count = tap->count;
        rows->patches = tap->shape[1];
    } else if (tap_is(tap->name, "model.vision_tower.pooler#mask")) {
        rows->pooled = copy_mask(rows->pooled, tap);
        rows->pooled_count = tap->count;
    } else if (is_causal_mask(tap->name) && tap_step(tap->name) == 0) {
        observe_causal_mask(rows, tap);
    }
}

/* [batch, heads, positions, width], as attention has them, rather than [batch, positions, heads, width] */
static bool is_by_head(const char *name)
{
    return tap_ends(name, "#query_states") || tap_ends(name, "#key_states") || tap_ends(name, "#value_states") ||
           tap_ends(name, "#attn_weights") || is_causal_mask(name);
}

static int64_t rows_behind(const Tap *tap, int axis)
{
    int64_t product = 1;
    for (int i = axis + 1; i < tap->rank - 1; i++) product *= tap->shape[i];
    return product;
}

Layout padding_rows_layout(const PaddingRows *rows, const Tap *tap)
{
    const int64_t *shape = tap->shape;
    if (is_by_head(tap->name)) return (Layout){ shape[1], shape[0] * shape[1], shape[2], rows_behind(tap, 2), 2 };
    if (tap->rank >= 3) return (Layout){ 1, shape[0], shape[1], rows_behind(tap, 1), 1 };
    /* Experts see the tokens of all rows of the batch as one list. */
    int64_t batch = rows->batch > 0 && !tap_is_media(tap->name) ? rows->batch : 1;
    return (Layout){ 1, batch, tap->rank == 2 ? shape[0] / batch : 1, 1, 0 };
}

static RowKind kind_of(const Tap *tap)
{
    const char *name = tap->name;
    if (tap_is_audio(name)) return ROWS_OF_SOUND;
    if (!tap_is_vision(name))
        return tap_ends(name, "embed_tokens") || tap_ends(name, "embed_tokens_per_layer") ? ROWS_LOOKED_UP
                                                                                          : ROWS_OF_TEXT;
    if (tap_begins(name, "model.embed_vision")) return ROWS_EMBEDDED;
    if (tap_is(name, "model.vision_tower.pooler")) return ROWS_POOLED;
    return tap_begins(name, "model.vision_tower.patch_embedder") || tap_begins(name, "model.vision_tower.encoder")
               ? ROWS_OF_PATCHES
               : ROWS_UNPADDED;
}

TapRows padding_rows_tap(const PaddingRows *rows, const Tap *tap)
{
    return (TapRows){ tap, kind_of(tap), padding_rows_layout(rows, tap), tap_run(tap->name) };
}

bool padding_rows_token(const PaddingRows *rows, const TapRows *tap, int64_t row, Token *token)
{
    const Layout *at = &tap->layout;
    /* cos and sin have one row for the whole batch unless positions differ. */
    if (tap->kind < ROWS_OF_TEXT || at->outer / at->heads != rows->batch) return false;
    token->batch = row / at->inner / at->positions / at->heads;
    token->column = rows->tokens + tap->run - at->positions + row / at->inner % at->positions;
    return true;
}

/* Without a tower the embedder sees every patch, [images, patches, width]; behind one, soft tokens alone, in a list. */
static bool embedded_patch_is_graded(const PaddingRows *rows, const TapRows *tap, int64_t row)
{
    bool of_videos = tap->run > 0 || !rows->image_padding;
    const bool *padding = of_videos ? rows->video_padding : rows->image_padding;
    return tap->tap->rank < 3 || !padding || !padding[row];
}

static bool patch_is_graded(const PaddingRows *rows, const Layout *at, int64_t row)
{
    int64_t image = row / at->inner / at->positions / at->heads, patch = row / at->inner % at->positions;
    return !rows->padding[image * rows->patches + patch];
}

bool padding_rows_overwritten(const PaddingRows *rows, const TapRows *tap, int64_t row)
{
    Token token;
    if (!rows->overwritten || tap->kind != ROWS_LOOKED_UP) return false;
    if (!padding_rows_token(rows, tap, row, &token) || token.column >= rows->tokens) return false;
    return rows->overwritten[token.batch * rows->tokens + token.column];
}

static bool token_is_graded(const PaddingRows *rows, const TapRows *tap, int64_t row)
{
    Token token;
    if (padding_rows_overwritten(rows, tap, row)) return false;
    if (!padding_rows_token(rows, tap, row, &token)) return true;
    if (rows->sequences && !(rows->sequences >> token.batch & 1)) return false;
    if (!rows->masked || token.column >= rows->tokens) return true;
    return !rows->masked[token.batch * rows->tokens + token.column];
}

bool padding_rows_graded(const PaddingRows *rows, const TapRows *tap, int64_t row)
{
    switch (tap->kind) {
    case ROWS_UNPADDED: return true;
    case ROWS_OF_SOUND: return audio_frames_graded(&rows->audio_frames, tap->tap, row);
    case ROWS_EMBEDDED: return embedded_patch_is_graded(rows, tap, row);
    case ROWS_POOLED: return !rows->pooled || rows->pooled[row];
    case ROWS_OF_PATCHES: return patch_is_graded(rows, &tap->layout, row);
    case ROWS_OF_TEXT:
    case ROWS_LOOKED_UP: break;
    }
    return token_is_graded(rows, tap, row);
}

static bool *copy_flags(const bool *flags, int64_t count)
{
    return flags ? memcpy(allocate_zeroed((size_t)count + 1, sizeof *flags), flags, (size_t)count) : NULL;
}

PaddingRows padding_rows_copy(const PaddingRows *rows)
{
    PaddingRows copy = *rows;
    copy.padding = copy_flags(rows->padding, rows->padding_count);
    copy.pooled = copy_flags(rows->pooled, rows->pooled_count);
    copy.masked = copy_flags(rows->masked, rows->batch * rows->tokens);
    return copy;
}

void padding_rows_free_copy(PaddingRows *rows)
{
    free(rows->padding);
    free(rows->pooled);
    free(rows->masked);
}

void padding_rows_free(PaddingRows *rows)
{
    free(rows->image_padding);
    free(rows->video_padding);
    audio_frames_free(&rows->audio_frames);
    free(rows->padding);
    free(rows->pooled);
    free(rows->masked);
    free(rows->overwritten);
    *rows = (PaddingRows){ 0 };
}
