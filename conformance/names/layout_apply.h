/* layout_apply.h - the operations of a name map done to arrays */
#ifndef PLUMB_LAYOUT_APPLY_H
#define PLUMB_LAYOUT_APPLY_H

#include "names/layout_step.h"
#include "names/names_case.h"

/* Arrays on their way through a rule, each with the tap that it becomes; NULL where that is not decided yet, or where
 * the part is left out */
typedef struct {
    Array *arrays;
    const char **taps;
    int count;
} Bundle;

/* Does one operation, but for splits, to every array; a gathering one leaves one array. A message, "found .., expected
 * ..", in the arena where it cannot be done. */
const char *layout_apply(const LayoutStep *step, Bundle *bundle, NamesCase *c, Arena *arena);
/* The bundle's one array in parts. taps: what they become, if there are so many names; else it is NULL. */
const char *layout_split(const LayoutStep *step, Bundle *bundle, const char *const *taps, int tap_count, NamesCase *c,
                         Arena *arena);

#endif
