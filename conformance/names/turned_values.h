/* turned_values.h - arrays that hold their tap's values in another order of axes, which their shape does not show
 *
 * Attention weights with queries and keys exchanged, or an array written column by column, lie on their tap and are
 * bent there. What would make them straight is found by their values.
 */
#ifndef PLUMB_TURNED_VALUES_H
#define PLUMB_TURNED_VALUES_H

#include "dump/dump.h"
#include "names/names_case.h"

typedef struct {
    const char *tap;
    const char *operation; /* of a map: "\"permute\": [0, 1, 3, 2]" */
} TurnedValue;

typedef struct {
    TurnedValue *list; /* in execution order */
    int count;
    Arena arena;
} TurnedValues;

/* Finds those of the taps whose array is far from the tap's values as it is, and near to them in another order, in two
 * passes of the reference, of which the case keeps what one lists. */
TurnedValues turned_values_of(const Dump *dump, const char *const *taps, int count, NamesCase *c);
void turned_values_free(TurnedValues *turned);

#endif
