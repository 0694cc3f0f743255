/* explain.h - every number that a step's verdict rests on */
#ifndef PLUMB_EXPLAIN_H
#define PLUMB_EXPLAIN_H

#include "explain/rounding_bound.h"
#include "lockstep/lockstep.h"

enum { ELEMENTS_EXPLAINED = 5 };

typedef struct {
    int64_t index; /* flat, in the tap */
    double found, expected, scale;
    double ratio; /* of the error to the scale, by which they are ordered */
} ElementExplained;

/* One gate of the verdict, and what was measured there */
typedef struct {
    double measurement_at, limit;
    bool passed;
    double error, scale; /* root sums of squares of what was measured: of the tap, row, channel or element; NaN: none */
} GateExplained;

typedef struct {
    Step step;
    const ArithmeticClass *class;
    const char *begins_at;     /* the dump's tap before it; NULL: the inputs */
    const char *const *passed; /* the reference's taps between the two, that are not graded */
    int passed_count;
    const double *replays; /* [step->samples]: relative L2 of what each deviates by, the nearest first */
    double rounding;       /* relative L2 of one rounding of the result, which honest is never below */
    GateExplained gates[GATE_COUNT];
    ElementExplained elements[ELEMENTS_EXPLAINED]; /* the worst first */
    int element_count;
    RoundingBound bound;
} StepExplained;

typedef struct {
    StepExplained *steps;
    int step_count;
    Arena arena;
} Explanation;

/* Explains the steps whose names match one of the globs, in execution order. NULL with error set: a glob that matches
 * none. Its names are those of the lockstep's grade, which must outlive it. */
Explanation *explain(const Lockstep *lockstep, const Model *model, const char *const *globs, Error *error);
void explanation_free(Explanation *explanation); /* NULL is fine */

#endif
