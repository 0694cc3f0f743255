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
 * class: the honest error), oracle (double). More where the dump leaves a near-tied choice open (choices.h). Then as many
 * replays as there are samples left, rounded at random: how far honest errors spread.
 */
#ifndef PLUMB_LOCKSTEP_H
#define PLUMB_LOCKSTEP_H

#include "bugs/switch/dry_run.h"
#include "dump/dump.h"
#include "reference.h"
#include "grade/verdict.h"

typedef struct {
    const char *tap;
    int rank;
    int64_t shape[TENSOR_MAX_RANK];
    int absent;                /* taps of the reference that come before it and are not graded */
    int samples;               /* replays that its noise was learned from */
    int64_t rows, graded_rows; /* in the dump, which may hold only the last positions */
    double introduced, honest, ratio;
    double inherited, total; /* NaN unless asked for */
    /* The worst by ratio, each to its own noise: flat indices, of a channel its number; -1 when no row is graded */
    int64_t worst_row, worst_channel, worst_element;
    double worst_row_ratio, worst_channel_ratio, worst_element_ratio;
    double worst_expected, worst_found; /* the element's */
    double bias;                        /* mean error along the values' signs over the mean scale of elements */
    double honest_bias;                 /* rms of the replays' */
    int64_t non_finite;
    Verdict verdict;
    const char *note;   /* said behind the verdict; NULL: nothing */
    bool of_inputs;     /* it comes before the model, and has the limits of patch_steps.h; NaN is what it has not */
    bool shape_differs; /* of another shape, so that nothing is measured: the note says which */
} Step;

Measurement step_measurement(const Step *step);

/* A choice other than the reference's, of a candidate that is as good within the noise. */
typedef struct {
    const char *tap;
    int64_t row;
    int64_t found, expected; /* experts or tokens: the backend's, the reference's */
    double gap, noise;       /* between their scores: logarithms of probabilities, or logits; and of each of these */
} Tie;

typedef struct {
    const ArithmeticClass *class;
    Step *steps; /* in execution order */
    int step_count;
    const char **not_graded; /* taps of the reference that the dump does not hold, in execution order */
    int not_graded_count;
    const char **unknown; /* names in the dump that are no tap of this case */
    int unknown_count;
    Tie *ties; /* in execution order */
    int tie_count;
    int first_bent;          /* index of the first step that fails; -1 */
    bool google_vision_mask; /* the masks are Google's reading of images (vision_mask.h), not Hugging Face's */
    const char *model_not_graded_because; /* why no tap of the model is graded; NULL: they are */
    Arena arena;
} Grade;

enum { SAMPLES = 8 };

typedef struct {
    const char *const *only; /* globs, NULL-terminated: other taps count as absent. NULL: all */
    bool with_total;         /* also measure inherited and total: one more pass */
    bool ignore_eos;         /* the backend went on after an end-of-sequence token */
    int samples;             /* replays, the first of them to nearest; 0: SAMPLES */
    bool google_vision_mask; /* by Google's reading of images in gemma4_unified */
    void (*progress)(void *context, int pass, int passes, const char *tap);
    void *progress_context;
} GradeOptions;

/* inputs must have passed model_check. NULL with error set: a tap of another shape, a choice of nothing that exists, or
 * no known tap at all. */
Grade *lockstep_grade(Model *model, const Inputs *inputs, const Dump *dump, const ArithmeticClass *class,
                      const GradeOptions *options, Error *error);
void grade_free(Grade *grade);

/* What is graded against: a model, one with bugs, or one that bugs are tried on. The others are NULL. */
typedef struct {
    Model *model;
    BuggyModel *buggy;
    DryRun *dry;
} Subject;

/* The same in two halves, and between them as many more passes as somebody likes. */
typedef struct Lockstep Lockstep;
typedef struct StepSums StepSums;
typedef struct PaddingRows PaddingRows;

Lockstep *lockstep_begin(Subject subject, const Inputs *inputs, const Dump *dump, const ArithmeticClass *class,
                         const GradeOptions *options, Error *error);
const Grade *lockstep_grade_so_far(const Lockstep *lockstep);
const StepSums *lockstep_sums(const Lockstep *lockstep, int step);
const PaddingRows *lockstep_rows(const Lockstep *lockstep);
/* One pass of the double build, of another subject. visit, unless NULL, sees each graded row of each step, by its
 * number in the dump's array, before the backend's takes its place. */
void lockstep_visit(Lockstep *lockstep, Subject subject,
                    void (*visit)(void *context, int step, int64_t row, const double *values), void *context);
/* The same of the nearest replay */
void lockstep_visit_replay(Lockstep *lockstep,
                           void (*visit)(void *context, int step, int64_t row, const double *values), void *context);
Grade *lockstep_end(Lockstep *lockstep); /* frees all but the grade */

#endif
