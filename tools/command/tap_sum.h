/* tap_sum.h - a tap summed up, part by part */
#ifndef PLUMB_TAP_SUM_H
#define PLUMB_TAP_SUM_H

#include <stdbool.h>

#include "run/tap.h"

typedef struct {
    int64_t seen, non_finite; /* elements */
    double squares, rms;      /* rms: of the whole tap, once it is whole; 0 without elements */
} TapSum;

bool tap_sum_add(TapSum *sum, const Tap *tap); /* -> whether that was the last part */

#endif
