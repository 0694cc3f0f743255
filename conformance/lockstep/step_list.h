/* step_list.h - the taps of a pass, and which of them the dump holds
 *
 * A step reaches from the dump's taps before it to its own. Several passes make a round: the first one lists, the
 * others follow the list.
 */
#ifndef PLUMB_STEP_LIST_H
#define PLUMB_STEP_LIST_H

#include "lockstep/shard.h"
#include "noise/step_sums.h"

typedef struct {
    const Dump *dump;
    const GradeOptions *options;
    const PaddingRows *rows;
    const Inputs *inputs; /* for advice on arrays of other shapes; NULL: without */
    Pass pass;            /* what all passes have in common */
    Error *error;
    const Shard *shard; /* whose steps get verdicts; NULL: all do */
    Grade *grade;
    StepSums *sums; /* beside grade->steps */
    bool *known;    /* of the dump's arrays, those that are a tap of this case */
    int current;    /* the step that the next tap may continue; -1 before a pass */
    bool listed;    /* by the first pass of the round */
    int concluded;  /* steps that have their verdict */
    bool skips;     /* the pass is in a layer of which it does not show all taps */
    bool too_few;   /* a tap has fewer positions than the dump, which logits_to_keep may be the reason of */
} StepList;

StepList step_list_new(const Dump *dump, const GradeOptions *options, const PaddingRows *rows, Grade *grade,
                       Error *error);
void step_list_clear(StepList *steps); /* before a round */
void step_list_free(StepList *steps);

/* The step that tap is of; -1 if the dump does not hold it in a shape that lies on it, or nobody wants to know. */
int step_list_find(StepList *steps, const Tap *tap);
/* The pass is at the end of a layer of which it did not show all taps. */
void step_list_pass_over(StepList *steps, const char *layer);
/* The dump's array of the tap and how it lies there, also of tokens that nobody wants graded; NULL if there is none */
const Array *step_list_array(StepList *steps, const Tap *tap, RowMap *row_map);
void step_list_conclude_next(StepList *steps); /* The last pass has gone by it, and it gets its verdict. */
/* The round's last pass is over: verdicts, and names of the dump that are no tap. An error where no step is left. */
void step_list_conclude(StepList *steps);

#endif
