/* part_fit.h - least squares over the parts of a bug */
#ifndef PLUMB_PART_FIT_H
#define PLUMB_PART_FIT_H

#include <stdbool.h>
#include <stdint.h>

enum { MOST_PARTS = 24 };

/* In noise units, element by element of a step */
typedef struct {
    const float *residual;
    float *differences[MOST_PARTS]; /* what each part changes */
    int64_t elements;
    int count;
} PartFit;

/* Which parts have the bug, a bit for each: coefficients near 1, while all others that would show it are near 0, and
 * most of the residual explained by those that have it. 0: none, or all, or the parts are no answer. */
uint64_t part_fit_solve(const PartFit *fit);

#endif
