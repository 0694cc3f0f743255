/* tap_list.h - the names and shapes of all taps of a case, from one float pass of the reference */
#ifndef PLUMB_TAP_LIST_H
#define PLUMB_TAP_LIST_H

#include "reference.h"

typedef struct {
    const char *name;
    int rank;
    int64_t shape[TENSOR_MAX_RANK];
} ListedTap;

typedef struct {
    Arena arena;
    ListedTap *taps; /* in execution order */
    int count;
} TapList;

void tap_list_note(TapList *list, const Tap *tap); /* as a hook is given it */
/* max_new_tokens: as Pass has it. Where no generation of so many tokens is possible, the taps are those of one pass. */
void tap_list_pass(Model *model, const Inputs *inputs, int max_new_tokens, Hook *hook, void *context);
void tap_list_free(TapList *list);
const ListedTap *tap_list_find(const TapList *list, const char *name); /* NULL if there is none */

#endif
