/* matched_filter.h - residuals of a dump in noise units, and what a bug makes of them
 *
 * Noise has a scale for each element (scales.h).
 */
#ifndef PLUMB_MATCHED_FILTER_H
#define PLUMB_MATCHED_FILTER_H

#include "lockstep/lockstep.h"

typedef struct MatchedFilter MatchedFilter;

/* Sums over the graded elements of one step: r the residual, d what the bug changes, h what the nearest replay
 * deviates by, all in noise units; and what the first two of each row add up to when they are squared */
typedef struct {
    double product; /* r d */
    double power;   /* d d */
    double honest;  /* h d */
    double product_product, product_power, power_power;
} Match;

/* The coefficient c of d in r; and how many standard deviations the product is from what honesty makes it.
 *
 * Rounding can look like a bug: in bfloat16 tanh of a small number is the number itself, and honest soft-capping
 * leaves small logits as they are. So an honest product is not 0, but anything from 0 to the replay's. Were the
 * elements' noise independent, the product would have the power for its variance. It often is not: one rounding in a
 * row moves the whole row. So the variance is also estimated from what is left in each row, product - c power; the
 * larger of the two counts. */
double match_coefficient(Match match);
double match_z(Match match);
double match_expected_z(Match match); /* what z would be for the bug itself */
void match_add(Match *sum, Match match);

/* The standard deviations from which a bug is said to be there */
#define SEEN 8.0
/* The naming window: whether a coefficient is that of the bug itself, which is 1, give or take its own noise and what
 * rounding makes of it. At z = 8 the window reaches from 0.3 to 1.7, at z = 100 from 0.76 to 1.24. */
bool coefficient_is_one(double coefficient, double z);

MatchedFilter *matched_filter_new(Lockstep *base,
                                  const ArithmeticClass *class);       /* one more pass, of the nearest replay */
void matched_filter_free(MatchedFilter *filter);                       /* NULL is fine */
double matched_filter_residual(const MatchedFilter *filter, int step); /* sum of r r */
/* One more pass, which all those of bugs are compared with: of the base's own subject, which the base remembers */
void matched_filter_set_plain(MatchedFilter *filter, Lockstep *base, Subject plain);
/* One more pass, of the buggy model. matches: one for each step of the base, cleared */
void matched_filter_match(const MatchedFilter *filter, Lockstep *base, Subject subject, Match *matches);

/* One step, element by element in noise units, 0 where an element is not graded or not finite: the residual, and what
 * the buggy model changes, which costs one more pass. */
int64_t matched_filter_elements(const MatchedFilter *filter, int step);
void matched_filter_residuals(const MatchedFilter *filter, int step, float *residual);
void matched_filter_differences(const MatchedFilter *filter, Lockstep *base, Subject subject, int step,
                                float *difference);

#endif
