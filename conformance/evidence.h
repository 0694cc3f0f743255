/* evidence.h - residuals of a dump in noise units, and what a bug makes of them
 *
 * Noise has a scale for each element (scales.h).
 */
#ifndef PLUMB_EVIDENCE_H
#define PLUMB_EVIDENCE_H

#include "lockstep.h"

typedef struct Evidence Evidence;

/* Of one step: sums over its graded elements, r the residual, d what the bug changes, both in noise units; and what
 * those sums of each row add up to when they are squared */
typedef struct {
    double product; /* r d */
    double power;   /* d d */
    double product_product, product_power, power_power;
} Match;

/* The coefficient c of d in r; and how many standard deviations it is from 0. Were the elements' noise independent, the
 * product would have the power for its variance. It often is not: one rounding in a row moves the whole row. So the
 * variance is also estimated from what is left in each row, product - c power, and the larger of the two counts. */
double match_coefficient(Match match);
double match_z(Match match);
void match_add(Match *sum, Match match);

Evidence *evidence_new(const Lockstep *base, const Class *class);
void evidence_free(Evidence *evidence);                       /* NULL is fine */
double evidence_residual(const Evidence *evidence, int step); /* sum of r r */
/* One more pass, of the buggy model. matches: one for each step of the base, cleared */
void evidence_match(const Evidence *evidence, Lockstep *base, BuggyModel *buggy, Match *matches);

#endif
