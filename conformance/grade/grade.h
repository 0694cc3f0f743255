/* grade.h - a dump's grade: its steps, each with its verdict, and what was not graded
 *
 * A grade is what the passes of lockstep/ end in, and what everything behind them reads.
 */
#ifndef PLUMB_GRADE_H
#define PLUMB_GRADE_H

#include "grade/verdict.h"
#include "run/arena.h"

typedef struct {
    const char *tap;
    int rank;
    int64_t shape[TENSOR_MAX_RANK];
    int absent;                /* taps of the reference that come before it and are not graded */
    int samples;               /* replays that its noise was learned from */
    int64_t rows, graded_rows; /* in the dump, which may hold only the last positions */
    int64_t tap_rows;          /* that the pass computed; 0: of inputs, which are compared whole */
    double introduced, honest, ratio;
    double inherited, total; /* NaN unless asked for */
    /* The worst by ratio, each to its own noise: flat indices, of a channel its number; -1 when no row is graded */
    int64_t worst_row, worst_channel, worst_element;
    double worst_row_ratio, worst_channel_ratio, worst_element_ratio;
    double row_excess, channel_excess;  /* as in Measurement */
    double worst_expected, worst_found; /* the element's */
    double bias;                        /* mean error along the values' signs over the mean scale of elements */
    double honest_bias;                 /* rms of the replays' */
    int64_t non_finite;
    Verdict verdict;
    const char *note;   /* said behind the verdict; NULL: nothing */
    bool of_inputs;     /* it comes before the model, and has the limits of patch_steps.h; NaN is what it has not */
    bool shape_differs; /* of another shape, so that nothing is measured: the note says which */
} Step;

/* A dump is off by so much in all where a part of the model ends, beside free replays (lockstep/ends.h). */
typedef struct {
    const char *tap;
    int replays;
    int64_t rows;         /* that are compared */
    double total, honest; /* relative L2 of y' - F(x), and of replays - F(x) */
    double ratio, ratio_limit;
    double worst_row_ratio, row_limit; /* of the row that is worst beside its limit */
    int64_t worst_row;                 /* in the tap; -1 when no row is graded */
    bool logits;                       /* it has what follows, else 0 */
    double divergence,
        honest_divergence;         /* of the next token's distribution from the reference's: mean of a row, nats */
    double root_ratio, root_limit; /* root of the two's ratio, because divergence grows as errors squared */
    int flipped;                   /* rows whose likeliest token is another */
    double honest_flipped;         /* of a replay, on average */
    Verdict verdict;
} End;

typedef struct {
    End *list; /* in execution order */
    int count;
} Ends;

Measurement step_measurement(const Step *step); /* that its verdict rests on */
bool step_is_partial(const Step *step);         /* the dump holds fewer rows than the pass computed */

/* A choice other than the reference's, of a candidate that is as good within the noise. */
typedef struct {
    const char *tap;
    int64_t row;
    int64_t found, expected; /* experts or tokens: the backend's, the reference's */
    double gap, noise;       /* between their scores: logarithms of probabilities, or logits; and of each of these */
} Tie;

/* An array of a tap's name and of a shape that does not lie on it, so that it is not graded */
typedef struct {
    const char *tap;
    const char *found, *expected; /* shapes as text */
    const char *advice;           /* what would make it fit: "\"permute\": [0, 2, 1, 3] would fit" */
} Misfit;

typedef struct {
    const ArithmeticClass *class;    /* with the features that the dump shows */
    const ArithmeticClass *declared; /* without those that its backend did not declare */
    int straightened;                /* steps that are straight with these, and would be bent without */
    Step *steps;                     /* in execution order */
    int step_count;
    const char **not_graded; /* taps of the reference that the dump does not hold, in execution order */
    int not_graded_count;
    const char **unknown; /* names in the dump that are no tap of this case */
    int unknown_count;
    Misfit *misfits; /* in execution order; they are among not_graded too */
    int misfit_count;
    Tie *ties; /* in execution order */
    int tie_count;
    int first_bent;                       /* index of the first step that fails; -1 */
    unsigned readings;                    /* that the dump follows, of ReadingFlag (lockstep/trial.h) */
    Ends ends;                            /* none unless they were measured */
    const char *incomplete_because;       /* why straight steps prove too little to pass; NULL: they do */
    const char *model_not_graded_because; /* why no tap of the model is graded; NULL: they are */
    Arena arena;
} Grade;

int grade_partial_steps(const Grade *grade);  /* how many there are */
const End *ends_far(const Ends *ends);        /* the first that fails; NULL */
const End *grade_far_end(const Grade *grade); /* of its ends */
const Step *end_step(const Grade *grade, const End *end);
Verdict end_verdict(const End *end);
bool grade_is_within_limits(const Grade *grade); /* by its numbers, whatever verdicts it has */
void grade_add_tie(Grade *grade, Tie tie); /* copies the name of its tap */
void grade_free(Grade *grade);             /* NULL is fine */

#endif
