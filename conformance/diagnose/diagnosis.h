/* diagnosis.h - which bugs were named, and the numbers that this rests on */
#ifndef PLUMB_DIAGNOSIS_H
#define PLUMB_DIAGNOSIS_H

#include "bugs/bug.h"
#include "readings/class_check.h"

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
    const Bug **named;    /* in the order found */
    const char **reaches; /* of each: "in sequence 1 of the batch only"; NULL: it is everywhere */
    double *strengths;    /* of each: 1, the bug itself, or its coefficient */
    bool *with_others;    /* of each: a step that it bends is bent by something else, too */
    int named_count;
    bool complete;         /* each bent step is straight with one of them */
    Candidate *candidates; /* the likeliest first */
    int candidate_count;
    const Bug **equals; /* rivals of the first named bug, which this case cannot tell from it */
    int equal_count;
    const Bug **not_exposed;
    int not_exposed_count;
    ClassCheck check;        /* whether the dump's arithmetic is what its backend declares, where that was looked at */
    const char *unexplained; /* the first bent step that no bug makes straight; NULL: there is none */
    const char *pattern;     /* what the error looks like, when no bug is it; NULL */
    Arena arena;
} Diagnosis;

Diagnosis *diagnosis_new(void); /* empty, with room for all bugs in each list */
void diagnosis_free(Diagnosis *diagnosis);

#endif
