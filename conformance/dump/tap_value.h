/* tap_value.h - a tap's values, whichever real they are in */
#ifndef PLUMB_TAP_VALUE_H
#define PLUMB_TAP_VALUE_H

#include "run/tap.h"

static inline double tap_value(const Tap *tap, int64_t index)
{
    return tap->value_size == sizeof(float) ? ((const float *)tap->values)[index]
                                            : ((const double *)tap->values)[index];
}

static inline void tap_set(const Tap *tap, int64_t index, double value)
{
    if (tap->written) *tap->written = true;
    if (tap->value_size == sizeof(float))
        ((float *)tap->values)[index] = (float)value;
    else
        ((double *)tap->values)[index] = value;
}

#endif
