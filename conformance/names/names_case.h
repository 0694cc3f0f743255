/* names_case.h - the case that a dump's arrays are named and laid out for */
#ifndef PLUMB_NAMES_CASE_H
#define PLUMB_NAMES_CASE_H

#include "names/tap_list.h"
#include "noise/padding_rows.h"

/* Its taps are listed by a pass of the model when somebody asks for a shape. */
typedef struct {
    Model *model; /* NULL: there is no case, and operations that need one say so */
    const Inputs *inputs;
    int max_new_tokens; /* as Pass has it */
    TapList taps;
    PaddingRows rows; /* masks come behind some taps, so that padding is known once all of them have come */
    bool listed;
} NamesCase;

const ListedTap *names_case_tap(NamesCase *c, const char *name); /* NULL: no such tap, or no case */
/* As the case's checkpoint spells it: model.language_model.norm is model.norm where there is text alone. */
const char *names_case_spelling(const NamesCase *c, const char *tap, Arena *arena); /* the case may be NULL */
void names_case_free(NamesCase *c);                                                 /* what it has listed */

#endif
