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
 * class: the honest error), oracle (double). More where the dump leaves a near-tied choice open (choices.h). Then as
 * many replays as there are samples left, rounded at random: how far honest errors spread.
 */
#ifndef PLUMB_LOCKSTEP_H
#define PLUMB_LOCKSTEP_H

#include "grade/grade.h"
#include "lockstep/shard.h"
#include "noise/step_sums.h"

/* The grade of the honest model. NULL with error set: a tap of another shape, a choice of nothing that exists, or no
 * known tap at all. */
Grade *lockstep_grade(const Trial *trial, Error *error);

/* The same in two halves, of any subject; and between them as many more passes as somebody likes. */
typedef struct Lockstep Lockstep;

Lockstep *lockstep_begin(const Trial *trial, Subject subject, Error *error);
const Grade *lockstep_grade_so_far(const Lockstep *lockstep);
const StepSums *lockstep_sums(const Lockstep *lockstep, int step);
const PaddingRows *lockstep_rows(const Lockstep *lockstep);
const Shard *lockstep_shard(const Lockstep *lockstep); /* NULL: it grades all */
Model *lockstep_model(const Lockstep *lockstep);       /* the honest one, which a thread of its own has too */
/* One pass of another subject, of the double build, or of the float build without rounding where visits are narrow.
 * visit, unless NULL, sees each graded row of each step, by its number in the dump's array, before the backend's takes
 * its place. */
void lockstep_visit(Lockstep *lockstep, Subject subject, VisitRow *visit, void *context);
/* A dtype that rounds to fewer bits than float32 has a noise that float32 does not reach, and a pass of the float build
 * takes half as long. What it shows is then to be compared with a visit of the honest subject, not with the oracle. */
bool lockstep_visits_are_narrow(const Lockstep *lockstep);
/* A visit of the honest subject; the first one is remembered. From then on a subject that knows which layers it leaves
 * alone (buggy_model_set_touched) does not compute those of them that are given what they are given here, and no
 * visitor sees a row in there: each would be the honest one. */
void lockstep_remember(Lockstep *lockstep, Subject honest, VisitRow *visit, void *context);
/* The same of the nearest replay, in the lockstep's class or one that differs in its features */
void lockstep_visit_replay(Lockstep *lockstep, const ArithmeticClass *class, VisitRow *visit, void *context);
/* Passes in which nothing is replaced but choices, which are those that the lockstep went by, so that all such passes
 * take one path. sample: -1, the oracle; 0, the nearest replay; from 1 on, replays that round at random what is near a
 * tie, and all else to nearest. Those from `first` to `end` - 1 are run, several at once where there are threads, and
 * each comes to a step after the one before it has ended there. */
void lockstep_visit_free(Lockstep *lockstep, int first, int end, const FreeVisitor *visitor);
/* Whether the steps' reference_pass is what lockstep_visit_free would show of sample -1 */
bool lockstep_has_path(const Lockstep *lockstep);
void lockstep_set_ends(Lockstep *lockstep, Ends ends); /* of the grade; taken over */
Grade *lockstep_end(Lockstep *lockstep);               /* frees all but the grade */

#endif
