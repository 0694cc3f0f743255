/* rows.h - which rows of a tap are graded
 *
 * A row is everything along the last dimension: a patch's or a soft token's channels, a query's weights. Rows of
 * padding patches hold finite garbage that nothing depends on: they are not graded, but must be finite. Which patches
 * are padding is learned from the reference's own masks as they pass the hook.
 */
#ifndef PLUMB_ROWS_H
#define PLUMB_ROWS_H

#include <stdbool.h>

#include "run/tap.h"

typedef struct {
    bool *padding; /* [images * patches]: model.vision_tower#padding_positions */
    int64_t images, patches;
    bool *pooled; /* [images * soft tokens]: model.vision_tower.pooler#mask; NULL when nothing is pooled */
} Rows;

void rows_observe(Rows *rows, const Tap *tap); /* every tap of a pass, in order */
bool rows_graded(const Rows *rows, const Tap *tap, int64_t row);
void rows_free(Rows *rows);

#endif
