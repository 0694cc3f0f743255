/* verdict.h - numbers to PASS or FAIL */
#ifndef PLUMB_VERDICT_H
#define PLUMB_VERDICT_H

#include "noise.h"

typedef enum { VERDICT_PASS, VERDICT_FAIL } Verdict;

/* The measurements of a step that its verdict rests on. */
typedef struct {
    int64_t rows;           /* that were graded */
    int64_t non_finite;     /* NaN and infinities in the backend's value, padding rows included */
    double ratio;           /* introduced over honest, whole tap */
    double worst_row_ratio; /* the same for the worst row, against the row's own noise */
} Measurement;

/* The most that passes in a class. */
typedef struct {
    const char *class;
    double ratio, worst_row_ratio;
    const char *reason;
} Limits;

const Limits *limits_of(const Class *class);
/* Of the ratio of a whole tap of so many rows. One row may stand at its own limit where the others are honest, so a tap
 * of few rows, as a decode step's, is allowed more. */
double limits_ratio(const Limits *limits, int64_t rows);
Verdict verdict_of(const Class *class, Measurement measurement);
const char *verdict_name(Verdict verdict); /* "pass", "FAIL": short, for a column */

#endif
