/* rounding_bound.h - how far from the reference a step can be at all, whichever way it adds
 *
 * For a step that is one product of matrices whose factors the dump holds, backward error analysis (Higham) bounds each
 * element: K products summed in any order with unit roundoff u are off by at most gamma |x| |W|, gamma = Ku / (1 - Ku),
 * and |x| |W| is the same product of absolute values, in double. What rounding the factors and the result may add comes
 * on top. An element beyond that violates the bound: no order of summation explains it, and nothing else is called so.
 */
#ifndef PLUMB_ROUNDING_BOUND_H
#define PLUMB_ROUNDING_BOUND_H

#include "lockstep/lockstep.h"

typedef struct {
    const char *unproven;  /* why there is no bound; NULL where there is */
    const char *factors;   /* "NAME times NAME" */
    const char *assumes;   /* of the class's arithmetic */
    int64_t terms;         /* K */
    double unit;           /* u of the sum */
    double input_rounding; /* of the factors together, relative */
    double output_rounding;
    int64_t elements;      /* that were compared */
    int64_t beyond;        /* of these, how many violate it */
    int64_t element;       /* flat index in the tap of the one nearest to its bound, or farthest beyond; -1 */
    double error, allowed; /* of that element */
} RoundingBound;

/* Texts live in arena. */
RoundingBound rounding_bound_of(const Lockstep *lockstep, const Model *model, int step, Arena *arena);

#endif
