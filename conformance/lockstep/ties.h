/* ties.h - choices compared as sets
 *
 * Which experts a token goes to is a set: their order does not matter. A candidate that only the backend chose and
 * one that only the reference chose are tied if the gap between their scores is within the noise of the scores.
 */
#ifndef PLUMB_TIES_H
#define PLUMB_TIES_H

#include "grade/grade.h"

int64_t set_place(int64_t candidate, const int64_t *set, int64_t width); /* -1: not in it */
bool set_equals(const int64_t *a, const int64_t *b, int64_t width);

typedef struct {
    const char *tap;
    int64_t row, width;
    const double *scores; /* of all candidates */
    double noise;         /* of the scores */
    double limit;         /* of gap over noise, up to which two candidates are tied */
} ChosenRow;

/* expected[j]: what stands in the reference's own choice in place of found[j]; found[j] itself where that is in it, or
 * tied with it. Ties go to grade. */
void ties_judge(const ChosenRow *row, const int64_t *own, const int64_t *found, double *expected, Grade *grade);

#endif
