/* fused_values.h - arrays that hold the values of several taps side by side, as a fused qkv_proj does */
#ifndef PLUMB_FUSED_VALUES_H
#define PLUMB_FUSED_VALUES_H

#include "dump/dump.h"
#include "names/names_case.h"

enum { MOST_PARTS = 8 };

typedef struct {
    int taps[MOST_PARTS]; /* in the case's list, in the order of the last axis */
    int count;            /* 0: it is not fused */
} FusedValue;

/* One for each array of the dump, in its order: those that are wanted and whose last axis the values of free taps fill;
 * one pass of the reference, if any is wide enough. Free it. */
FusedValue *fused_values_of(const Dump *dump, NamesCase *c, const bool *wanted, const bool *free_taps);

#endif
