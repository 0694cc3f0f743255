/* value_distance.h - how far an array is from each tap, by its values
 *
 * Values are compared (tap_values.h) where the array lies on the tap, perhaps permuted or padded (layout_advice.h).
 */
#ifndef PLUMB_VALUE_DISTANCE_H
#define PLUMB_VALUE_DISTANCE_H

#include "dump/dump.h"
#include "names/names_case.h"

/* Where a tap of other values is within so many times the nearest, values say nothing. */
#define CLEARLY_NEARER 1.5

typedef struct {
    int tap;        /* of the case's list */
    float distance; /* relative L2, padding rows left out */
} NearTap;

typedef struct {
    NearTap *list; /* in the order of taps: the nearest, and those that are not CLEARLY_NEARER times as far */
    int count;     /* 0: none is within twice VALUES_NEAR */
    float nearest;
} NearTaps;

/* One pass of the reference, if any array lies on a tap that is free. One for each array of the dump, in its order,
 * with none of an array that is not wanted, nor of taps that are taken. Free it with the function below. */
NearTaps *value_distances(const Dump *dump, NamesCase *c, const bool *wanted, const bool *free_taps);
void near_taps_free(NearTaps *near, int arrays);

#endif
