/* lockstep.h - the error that each step of a backend introduces
 *
 * The reference runs its forward pass. Wherever the dump holds a tap, the reference's value F(x'), computed from the
 * backend's own earlier values x', is compared with the backend's y', and then replaced by it. So
 *     introduced = y' - F(x')         what this step did wrong
 *     total      = y' - F(x)          against the reference's own pass, nothing replaced
 *     inherited  = F(x') - F(x)       what earlier steps did wrong
 * all as relative L2. A step reaches from the dump's taps before it to its own tap, however many modules that is.
 *
 * Passes, in this order: free (double, nothing replaced; only for inherited and total), replay (float, rounded as the
 * class: the honest error), oracle (double).
 */
#ifndef PLUMB_LOCKSTEP_H
#define PLUMB_LOCKSTEP_H

#include "dump.h"
#include "reference.h"
#include "verdict.h"

typedef struct {
    const char *tap;
    int rank;
    int64_t shape[TENSOR_MAX_RANK];
    int64_t rows, graded_rows;
    double introduced, honest, ratio;
    double inherited, total; /* NaN unless asked for */
    int64_t worst_row;       /* flat index; -1 when no row is graded */
    double worst_row_ratio;
    int64_t worst_element; /* flat index of the largest absolute difference; -1 likewise */
    double worst_expected, worst_found;
    int64_t non_finite;
    Verdict verdict;
} Step;

typedef struct {
    const Class *class;
    Step *steps; /* in execution order */
    int step_count;
    const char **not_graded; /* taps of the reference that the dump does not hold, in execution order */
    int not_graded_count;
    const char **unknown; /* names in the dump that are no tap of this case */
    int unknown_count;
    int first_bent; /* index of the first step that fails; -1 */
    Arena arena;
} Grade;

typedef struct {
    const char *const *only; /* globs, NULL-terminated: other taps count as absent. NULL: all */
    bool with_total;         /* also measure inherited and total: one more pass */
    void (*progress)(void *context, int pass, int passes, const char *tap);
    void *progress_context;
} GradeOptions;

/* inputs must have passed model_check. NULL with error set: a tap of another shape, or no known tap at all. */
Grade *lockstep_grade(Model *model, const Inputs *inputs, const Dump *dump, const Class *class,
                      const GradeOptions *options, Error *error);
void grade_free(Grade *grade);

#endif
