/* padded_rows.h - rows of all real tokens, or patches, put where they stand in a padded batch */
#ifndef PLUMB_PADDED_ROWS_H
#define PLUMB_PADDED_ROWS_H

#include "names/layout_step.h"
#include "names/names_case.h"

/* Where the real ones of a batch stand: places[i] of the i-th of them among outer * inner places */
typedef struct {
    int64_t *places;
    int64_t count, outer, inner;
} RealRows;

RealRows real_rows(RowsKind kind, const Inputs *inputs, Arena *arena); /* none where the inputs have no such rows */

/* tokens: [real tokens of all rows, ..] becomes [batch, tokens, ..] by attention_mask, cut to the last positions where
 * the tap has fewer, and [batch, ..] of a decode step becomes [batch, 1, ..]. images: [real patches of all images, ..]
 * becomes [images, patches, ..] by image_position_ids (video_position_ids without images). Padding rows are 0.
 * name: of the tap; listed: its shape, NULL where the case has no such tap. What is wrong, in the arena; or NULL */
const char *rows_padded(RowsKind kind, Array *array, const char *name, const ListedTap *listed, const NamesCase *c,
                        Arena *arena);

#endif
