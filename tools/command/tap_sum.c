/* tap_sum.c - a tap summed up, part by part */
#include "command/tap_sum.h"

#include <math.h>

#include "dump/tap_value.h"

bool tap_sum_add(TapSum *sum, const Tap *tap)
{
    int64_t elements = 1;
    for (int i = 0; i < tap->rank; i++) elements *= tap->shape[i];
    if (tap->first == 0) *sum = (TapSum){ 0 };
    for (int64_t i = 0; i < tap->count; i++) {
        double value = tap_value(tap, i);
        sum->squares += value * value;
        sum->non_finite += !isfinite(value);
    }
    sum->seen += tap->count;
    sum->rms = elements ? sqrt(sum->squares / (double)elements) : 0;
    return sum->seen >= elements;
}
