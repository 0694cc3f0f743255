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

/* max_new_tokens: as Pass has it. Where no generation of so many tokens is possible, the taps are those of one pass. */
TapList tap_list_of(Model *model, const Inputs *inputs, int max_new_tokens);
/* The same pass, with a hook of the caller's */
void tap_list_pass(Model *model, const Inputs *inputs, int max_new_tokens, Hook *hook, void *context);
void tap_list_free(TapList *list);
const ListedTap *tap_list_find(const TapList *list, const char *name); /* NULL if there is none */

#endif
