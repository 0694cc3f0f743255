/* diagnose.h - which known bug bends a dump
 *
 * A matched filter. A bug predicts its own difference vector d = F_bug(x') - F(x') at every step, from the backend's
 * own values x'. The residual r = y' - F(x') is projected on it, element by element in noise units s:
 *     coefficient   sum(r d / s^2) / sum(d^2 / s^2)        1 for the bug itself
 *     z             sum(r d / s^2) / sqrt(sum(d^2 / s^2))  standard deviations, beyond what honest rounding makes
 *                   of the sum and with its spread from row to row (matched_filter.h)
 *     explained     1 - sum((r - d)^2 / s^2) / sum(r^2 / s^2)
 * over the bent steps; in a dump that is straight, over the steps where z alone stands out.
 *
 * A bug is named for a bent step when the reference that has it grades the step straight. As every step starts from
 * the backend's own values, several bugs are found one after the other by the steps that each makes straight; only
 * where two bend the same step is one tried on top of the other.
 */
#ifndef PLUMB_DIAGNOSE_H
#define PLUMB_DIAGNOSE_H

#include "bugs/bug.h"
#include "lockstep/lockstep.h"
#include "readings/vision_mask.h"

typedef struct {
    const Bug *bug;
    double explained, z, coefficient;
    double expected_z;  /* over all steps, what z would be for the bug itself: how well this case shows it */
    const char *step;   /* the first that it touches; NULL: none */
    int steps;          /* that it touches */
    int absent;         /* of these, steps that do not have it */
    bool at_first_bent; /* it touches the first bent step */
    bool confirmed;     /* with it, a bent step is straight */
} Candidate;

typedef struct {
    const Bug **named; /* in the order found */
    int named_count;
    bool complete;         /* each bent step is straight with one of them */
    Candidate *candidates; /* the likeliest first */
    int candidate_count;
    const Bug **equals; /* rivals of the first named bug, which this case cannot tell from it */
    int equal_count;
    const Bug **not_exposed;
    int not_exposed_count;
    ClassCheck check;    /* whether the dump's arithmetic is what its backend declares */
    const char *pattern; /* what the error looks like, when no bug is it; NULL */
    Arena arena;
} Diagnosis;

/* grade: of the dump by the honest reference, to be freed by the caller too. NULL with error set. */
Diagnosis *diagnose(const Trial *trial, Grade **grade, Error *error);
Diagnosis *diagnosis_new(void); /* empty, with room for all bugs in each list */
void diagnosis_free(Diagnosis *diagnosis);

#endif
