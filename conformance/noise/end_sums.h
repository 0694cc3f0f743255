/* end_sums.h - what a dump and free replays are off by at one tap, each from the reference's own pass
 *
 * Nothing is replaced in these passes: the oracle's comes first, then replays, which all round to nearest but for what
 * is near a tie. Rows are those of the dump's array.
 */
#ifndef PLUMB_END_SUMS_H
#define PLUMB_END_SUMS_H

#include "grade/grade.h"
#include "noise/step_sums.h"

typedef struct {
    const StepSums *step; /* of the lockstep: the dump's rows, and which are graded */
    bool logits;
    double *expected;                   /* [rows, width]: F(x) */
    double *row_norm;                   /* [rows]: of F(x), -1 where nothing is graded */
    double *row_deviations;             /* [rows]: sums of squares that replays are off by, added up over them */
    double *row_largest;                /* [rows]: the largest of these */
    double largest, largest_divergence; /* of a whole replay */
    double divergence;                  /* of replays from F(x), rows added up; of logits alone */
    double flipped;                     /* rows in which a replay's largest logit is another token's, added up */
    double replay, replay_divergence;   /* of the replay that runs */
    int replays;
} EndSums;

EndSums end_sums_new(const StepSums *step, bool logits);
void end_sums_free(EndSums *sums);
void end_sums_expect(EndSums *sums, int64_t row, const double *values); /* F(x) */
void end_sums_add(EndSums *sums, int64_t row, const double *values); /* a replay's row */
void end_sums_end_replay(EndSums *sums);
/* The end but for its name and verdict. is_many: there are so many replays that the largest of them says what passes,
 * too, where that is beyond the limit of the class: honest errors of few independent parts spread wide. */
End end_sums_conclude(const EndSums *sums, const ArithmeticClass *class, bool is_many);

#endif
