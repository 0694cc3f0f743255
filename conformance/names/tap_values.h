/* tap_values.h - what the reference computes for the tap that is coming by, beside arrays of a dump
 *
 * A port that is nearly right computes nearly the reference's values, whatever it calls them. Of large taps only the
 * first values are compared.
 */
#ifndef PLUMB_TAP_VALUES_H
#define PLUMB_TAP_VALUES_H

#include "names/names_case.h"

extern const double VALUES_NEAR; /* beyond that relative L2, values say nothing */

typedef struct {
    PaddingRows *rows; /* of the case */
    float *values;
    double norm; /* squared, of those that are compared of the tap that came last; -1: nobody has asked yet */
} TapValues;

TapValues tap_values_open(NamesCase *c); /* lists its taps, if nobody has */
void tap_values_close(TapValues *v);
/* Takes what a hook of the next pass is given; whether the tap is whole with it, so that it can be compared. */
bool tap_values_take(TapValues *v, const Tap *tap);
/* Relative L2 of an array that lies on the tap, padding rows left out; infinite beyond twice VALUES_NEAR */
double tap_values_distance(TapValues *v, const Array *array, const Tap *tap);
/* The same of the columns of its last axis that begin at `at`, as many as the tap has; the other axes are the tap's. */
double tap_values_distance_at(TapValues *v, const Array *array, int64_t at, const Tap *tap);

#endif
