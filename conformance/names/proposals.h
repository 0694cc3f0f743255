/* proposals.h - a tap for each array that no tap is known of */
#ifndef PLUMB_PROPOSALS_H
#define PLUMB_PROPOSALS_H

#include "dump/dump.h"
#include "names/fused_values.h"
#include "names/layout_advice.h"
#include "names/names_case.h"
#include "noise/padding_rows.h"

/* This is known of an array of the dump. Of the taps, an array is offered those alone that no other array is. */
typedef struct {
    const Array *array;
    int tap;         /* whose name it has, in the case's list; -1: none */
    bool fits;       /* it lies on that tap */
    bool is_sought;  /* it has no tap's name, and is among the first of these, eight for each tap of the case */
    int by_name;     /* the tap whose name is most like its own; -1: nothing is like it */
    double likeness; /* 0 to 1 */
    int by_shape;    /* the same among those that it lies on, perhaps permuted; -1: none */
    double by_shape_likeness;
    int shape_count;     /* how many those are */
    int by_value;        /* the free tap whose values are its own, but for noise; -1: none is */
    double distance;     /* of those values, relative L2 */
    FusedValue fused;    /* the free taps whose values it has side by side */
    LayoutAdvice advice; /* what makes it lie on its tap, or on that of by_shape */
} Proposal;

typedef struct {
    Proposal *all; /* in the dump's order, which is that of names */
    int count;
} Proposals;

Proposals proposals_of(const Dump *dump, NamesCase *c);
void proposals_free(Proposals *proposals);
/* That of the array of that name; NULL: the dump has none */
const Proposal *proposals_find(const Proposals *proposals, const char *name);
/* Taps for arrays that have none, no tap twice: those of the same values, then the names that are most alike, and none
 * that are less alike than `least`. taken[i] is the tap of array i, or -1. */
int *proposals_take(const Proposals *proposals, const Dump *dump, NamesCase *c, double least);

#endif
