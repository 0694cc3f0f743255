/* mask_cells.h - the masks of the text model, cell by cell
 *
 * The masks are taps, 1 where a query may look, so a bug of the masks, or another reading of them, is a rule for cells.
 */
#ifndef PLUMB_MASK_CELLS_H
#define PLUMB_MASK_CELLS_H

#include "bugs/hooks/bug_hooks.h"

/* Query q may look at key kv, both counted from the first token of the row. */
typedef struct {
    int64_t q, kv, window;
    bool sliding, may_look, causal, in_window, same_block, same_audio;
    bool both_vision;     /* q and kv are tokens of images or videos, the same or not */
    bool before_last;     /* q and kv come no later than the last such token of the row */
    int64_t block_length; /* of the image or video that q lies in; 0: in none */
    bool prefill;
    int64_t chunk, chunk_end; /* the first token of the prefill's chunk that q lies in, and the first after it */
} MaskCell;

/* In a tap that is a mask of the text model, each cell that padding does not close is given to the rule. */
void rewrite_masks(BugRun *run, const Tap *tap, bool (*rule)(const MaskCell *cell));

#endif
