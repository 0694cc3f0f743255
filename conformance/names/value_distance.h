/* value_distance.h - how far an array is from each tap, by its values
 *
 * Values are compared (tap_values.h) where the array lies on the tap, perhaps permuted or padded (layout_advice.h).
 */
#ifndef PLUMB_VALUE_DISTANCE_H
#define PLUMB_VALUE_DISTANCE_H

#include "dump/dump.h"
#include "names/names_case.h"

/* One pass of the reference. A row for each array of the dump that is wanted, in its order: the relative L2 from each
 * tap of the case, padding rows left out; infinite beyond twice VALUES_NEAR, where it does not lie on it, and for taps
 * that are taken. Free it. */
float *value_distances(const Dump *dump, NamesCase *c, const bool *wanted, const bool *free_taps);

#endif
