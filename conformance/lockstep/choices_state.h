/* choices_state.h - what is remembered of choices; for the files that make them */
#ifndef PLUMB_CHOICES_STATE_H
#define PLUMB_CHOICES_STATE_H

#include "lockstep/open_choices.h"
#include "lockstep/pass_kind.h"

/* One tap that chooses, from pass to pass. */
typedef struct {
    char *tap;
    int64_t rows, width;
    bool held; /* by the dump */
    int turn;
    float *replay_scores; /* NULL where the dump holds the scores */
    int64_t *replayed;    /* [rows, width]: what the replay chose */
    int64_t *chosen;      /* what the oracle did, once it has: the replay follows from then on */
    int *open_choice;     /* [rows]: the open choice of the row; -1 */
} Choice;

struct Choices {
    const PaddingRows *rows;
    const ArithmeticClass *class;
    double limit; /* of gap over noise */
    PassKind pass;
    ChoiceScores scores;
    bool scores_held;
    Choice *list;
    int count, current; /* the choice that this pass has come to; -1 */
    int unseen;         /* choices since the dump's last tap */
    bool known;         /* an oracle pass has been: chosen is filled in */
    bool differ;
    OpenChoices open_choices;
};

#endif
