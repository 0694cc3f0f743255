/* code_steps.h - how far apart the values are that a quantised element may have
 *
 * Rounding to the nearest of two neighbours is off by at most half of the gap between them, and by gap / sqrt(12) on
 * average (rms). For integers the gap is 1, times the scale; e2m1, e4m3 and nf4 have others at other values.
 */
#ifndef PLUMB_CODE_STEPS_H
#define PLUMB_CODE_STEPS_H

#include "checkpoint/array.h"

enum { MOST_CODES = 256 };

typedef struct {
    double values[MOST_CODES]; /* what codes mean, each value once, in ascending order */
    int count;
} CodeSteps;

CodeSteps code_steps_of(const Encoding *encoding);
double code_steps_gap(const CodeSteps *steps, double value); /* between the two values around it; at an end, the last */

#endif
