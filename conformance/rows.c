/* rows.c - padding, by tap */
#include "rows.h"

#include <assert.h>
#include <stdlib.h>

#include "run/arena.h"
#include "tap_name.h"
#include "values.h"

Rows rows_of(const Inputs *inputs)
{
    if (!inputs->input_ids) return (Rows){ 0 };
    return (Rows){ .batch = inputs->input_ids->shape[0], .tokens = inputs->input_ids->shape[1] };
}

static bool *copy_mask(bool *old, const Tap *tap)
{
    bool *mask = realloc(old, (size_t)tap->count + 1);
    assert(mask);
    for (int64_t i = 0; i < tap->count; i++) mask[i] = tap_value(tap, i) != 0;
    return mask;
}

static bool is_causal_mask(const char *name)
{
    return tap_ends(name, "#causal_mask_mapping.full_attention") ||
           tap_ends(name, "#causal_mask_mapping.sliding_attention");
}

/* Whatever the mask is, a token may look at itself unless it is padding. */
static void observe_causal_mask(Rows *rows, const Tap *tap)
{
    int64_t tokens = rows->tokens, count = rows->batch * tokens;
    assert(tap->count == count * tokens);
    if (!rows->masked) rows->masked = allocate_zeroed((size_t)count + 1, sizeof *rows->masked);
    for (int64_t i = 0; i < count; i++) rows->masked[i] = tap_value(tap, i * tokens + i % tokens) == 0;
}

/* Videos go through the tower after the images: their masks take the place of the images'. */
void rows_observe(Rows *rows, const Tap *tap)
{
    if (tap_is(tap->name, "model.vision_tower#padding_positions")) {
        rows->padding = copy_mask(rows->padding, tap);
        rows->patches = tap->shape[1];
    } else if (tap_is(tap->name, "model.vision_tower.pooler#mask")) {
        rows->pooled = copy_mask(rows->pooled, tap);
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

Layout rows_layout(const Rows *rows, const Tap *tap)
{
    const int64_t *shape = tap->shape;
    if (is_by_head(tap->name)) return (Layout){ shape[1], shape[0] * shape[1], shape[2], 1, 2 };
    if (tap->rank >= 3) return (Layout){ 1, shape[0], shape[1], tap->rank == 4 ? shape[2] : 1, 1 };
    /* Experts see the tokens of all rows of the batch as one list. */
    int64_t batch = rows->batch > 0 && !tap_is_vision(tap->name) ? rows->batch : 1;
    return (Layout){ 1, batch, tap->rank == 2 ? shape[0] / batch : 1, 1, 0 };
}

bool rows_token(const Rows *rows, const Tap *tap, int64_t row, Token *token)
{
    Layout at = rows_layout(rows, tap);
    /* Of cos and sin there is one row for the whole batch unless positions differ. */
    if (tap_is_vision(tap->name) || at.outer / at.heads != rows->batch) return false;
    token->batch = row / at.inner / at.positions / at.heads;
    token->column = rows->tokens + tap_step(tap->name) - at.positions + row / at.inner % at.positions;
    return true;
}

static bool patch_is_graded(const Rows *rows, const Tap *tap, int64_t row)
{
    if (tap_is(tap->name, "model.vision_tower.pooler")) return !rows->pooled || rows->pooled[row];
    if (!tap_begins(tap->name, "model.vision_tower.patch_embedder") &&
        !tap_begins(tap->name, "model.vision_tower.encoder"))
        return true;
    Layout at = rows_layout(rows, tap);
    int64_t image = row / at.inner / at.positions / at.heads, patch = row / at.inner % at.positions;
    return !rows->padding[image * rows->patches + patch];
}

bool rows_graded(const Rows *rows, const Tap *tap, int64_t row)
{
    Token token;
    if (tap_is_vision(tap->name)) return patch_is_graded(rows, tap, row);
    if (!rows->masked || !rows_token(rows, tap, row, &token) || token.column >= rows->tokens) return true;
    return !rows->masked[token.batch * rows->tokens + token.column];
}

void rows_free(Rows *rows)
{
    free(rows->padding);
    free(rows->pooled);
    free(rows->masked);
    *rows = (Rows){ 0 };
}
