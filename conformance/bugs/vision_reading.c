/* vision_reading.c - gemma4's rule for the masks of gemma4_unified: docs/masks.md says who follows it */
#include "bugs/vision_reading.h"

#include "bugs/hooks/mask_cells.h"

static bool google_rule(const MaskCell *c)
{
    return c->sliding ? (c->causal || c->same_block) && c->in_window : c->causal;
}
static void google_masks(BugRun *run, const Tap *tap) { rewrite_masks(run, tap, google_rule); }

const Bug google_vision_mask = { .id = "vision-mask-google", .tap = google_masks };
