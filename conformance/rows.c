/* rows.c - padding, by tap */
#include "rows.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "values.h"

static bool *copy_mask(bool *old, const Tap *tap)
{
    bool *mask = realloc(old, (size_t)tap->count + 1);
    assert(mask);
    for (int64_t i = 0; i < tap->count; i++) mask[i] = tap_value(tap, i) != 0;
    return mask;
}

void rows_observe(Rows *rows, const Tap *tap)
{
    if (strcmp(tap->name, "model.vision_tower#padding_positions") == 0) {
        rows->padding = copy_mask(rows->padding, tap);
        rows->images = tap->shape[0];
        rows->patches = tap->shape[1];
    } else if (strcmp(tap->name, "model.vision_tower.pooler#mask") == 0) {
        rows->pooled = copy_mask(rows->pooled, tap);
    }
}

static bool starts_with(const char *text, const char *beginning)
{
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

/* [images, heads, patches, width], as attention has them, rather than [images, patches, heads, width] */
static bool is_by_head(const char *tap)
{
    const char *local = strrchr(tap, '#');
    return local && (strcmp(local, "#query_states") == 0 || strcmp(local, "#key_states") == 0 ||
                     strcmp(local, "#value_states") == 0 || strcmp(local, "#attn_weights") == 0);
}

bool rows_graded(const Rows *rows, const Tap *tap, int64_t row)
{
    if (strcmp(tap->name, "model.vision_tower.pooler") == 0) return !rows->pooled || rows->pooled[row];
    if (!starts_with(tap->name, "model.vision_tower.patch_embedder") &&
        !starts_with(tap->name, "model.vision_tower.encoder"))
        return true;

    int64_t image, patch;
    if (is_by_head(tap->name)) {
        image = row / (tap->shape[1] * tap->shape[2]);
        patch = row % tap->shape[2];
    } else {
        int64_t heads = tap->rank == 4 ? tap->shape[2] : 1;
        image = row / heads / tap->shape[1];
        patch = row / heads % tap->shape[1];
    }
    return !rows->padding[image * rows->patches + patch];
}

void rows_free(Rows *rows)
{
    free(rows->padding);
    free(rows->pooled);
    *rows = (Rows){ 0 };
}
