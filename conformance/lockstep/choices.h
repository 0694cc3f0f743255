/* choices.h - which experts, which token: numbers that are names
 *
 * They are not near or far, but the same or others; and an honest backend may choose otherwise where two candidates are
 * nearly tied. What the dump holds is compared as a set with what the oracle chooses, and followed. What it does not
 * hold, the oracle chooses, the replay follows, and near-tied rows are contested (open_choices.h).
 */
#ifndef PLUMB_CHOICES_H
#define PLUMB_CHOICES_H

#include "lockstep/open_choices.h"
#include "lockstep/pass_kind.h"
#include "noise/step_sums.h"
#include "model.h"

typedef struct Choices Choices;

Choices *choices_new(const PaddingRows *rows, const ArithmeticClass *class, int max_new_tokens);
void choices_free(Choices *choices);
/* The same choices for a pass that runs beside others and makes none of its own: PASS_RANDOM, PASS_NEAREST, PASS_PATH,
 * PASS_SUSPECT; and any pass where the dump holds them all */
Choices *choices_beside(const Choices *choices, const PaddingRows *rows);
void choices_free_beside(Choices *choices);
bool choices_all_held(const Choices *choices); /* by the dump, as far as passes have shown */
bool choices_none(const Choices *choices);     /* nothing is chosen, as far as passes have shown */
/* Whether the dump leaves a choice open that some module sees: none sees the last of the new tokens. */
bool choices_matter_open(const Choices *choices, int new_tokens);
void choices_suppress(Choices *choices, const Model *model); /* the tokens that the model never chooses */
void choices_reset(Choices *choices);                        /* forgets every pass */

/* Before each pass. turn, alternative: of PASS_ALTERNATIVE */
void choices_begin(Choices *choices, PassKind pass, int turn, int alternative);

/* The pass is at the end of a layer of which it did not show all taps. */
void choices_pass_over(Choices *choices, const char *layer);

/* A tap of scores, after what the dump holds has been put in place. */
void choices_observe(Choices *choices, const Tap *tap, bool held);

/* A tap that chooses, and what the judge has for it */
typedef struct {
    const Tap *tap;
    const Array *backend; /* the dump's; NULL if it holds none */
    RowMap row_map;       /* of backend */
    Step *step;           /* that backend is graded in; NULL if it is not */
    StepSums *sums;       /* of that step */
    bool shows;           /* some tap of the dump comes after it */
    Grade *grade;         /* gets the ties */
} ChoiceContext;

void choices_choose(Choices *choices, const ChoiceContext *at);

/* A row of any other tap that the dump holds: its squared difference from this pass's. */
void choices_compare(Choices *choices, const TapRows *tap, int64_t row, int step, double difference);

/* True if the dump does not hold the latest choice; then the backend's order of candidates is unknown. */
bool choices_order_is_free(const Choices *choices);

bool choices_differ(const Choices *choices); /* the replay's from the oracle's, which it did not know yet */
int choices_turns(const Choices *choices);
int choices_most_alternatives(const Choices *choices, int turn);
bool choices_decide(Choices *choices, int turn); /* whether some choice is kept that is not the oracle's own */

#endif
