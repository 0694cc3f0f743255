/* verdict.h - numbers to PASS or FAIL */
#ifndef PLUMB_VERDICT_H
#define PLUMB_VERDICT_H

#include "grade/arithmetic_class.h"

typedef enum { VERDICT_PASS, VERDICT_FAIL } Verdict;

/* The measurements of a step that its verdict rests on: introduced over honest error of the whole tap and of the worst
 * row, channel and element, each against its own noise. */
typedef struct {
    int samples;        /* replays that noise was learned from */
    int64_t rows;       /* that were graded */
    int64_t non_finite; /* NaN and infinities in the backend's value, padding rows included */
    double ratio, row, channel, element;
    /* How much of the square of ratio the row has that has most beyond honest noise, as far as its own limit lets it
     * pass; and of the worst channel's its element */
    double row_excess, channel_excess;
    double bias, honest_bias; /* lockstep.h */
} Measurement;

typedef enum { GATE_FINITE, GATE_TAP, GATE_ROW, GATE_CHANNEL, GATE_ELEMENT, GATE_BIAS, GATE_COUNT } Gate;

const char *gate_name(Gate gate); /* as columns are called */

/* The most that passes through a gate at such a step. One row may stand at its own limit where the others are honest,
 * so a tap of few rows, as a decode step's, is allowed more as a whole; and so is a channel of few rows, in which one
 * element may. Rows do not share noise equally, nor do elements of a channel, of which a mask leaves few: what one of
 * them has beyond honest noise, within its own limit, is not held against the whole. Biases of honest backends spread
 * as those of the replays do. Few samples say less. */
double limit_of(const ArithmeticClass *class, const Measurement *measurement, Gate gate);
/* How many times as much passes there because rows are few; 1 where they are many enough */
double widening_by_few_rows(const ArithmeticClass *class, const Measurement *measurement, Gate gate);
double measurement_at(const Measurement *measurement, Gate gate);
Verdict verdict_of(const ArithmeticClass *class, Measurement measurement);
const char *verdict_name(Verdict verdict); /* "pass", "FAIL": short, for a column */

#endif
