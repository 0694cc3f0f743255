/* open_choices.h - rows whose choice could as well have gone another way
 *
 * Where the dump does not hold what was chosen, and a candidate that was not is within the noise of one that was, the
 * oracle runs again with the alternatives: in each such pass every row takes another one of its own. The dump's next
 * taps tell which one the backend took: the one that they are nearest to. Of choices with no tap of the dump in between
 * the later ones wait until the earlier ones are decided: that is what their scores depend on.
 */
#ifndef PLUMB_OPEN_CHOICES_H
#define PLUMB_OPEN_CHOICES_H

#include "noise/padding_rows.h"
#include "lockstep/choice_scores.h"

enum { MOST_ALTERNATIVES = 4, MOST_TURNS = 4, TAPS_COMPARED = 8 };

typedef struct {
    int64_t loser, winner; /* winner takes the place of loser, which the oracle chose */
    double gap;            /* between their scores */
} Alternative;

typedef struct {
    int choice; /* the tap that chooses, by its number */
    int64_t row;
    int turn; /* choices since the dump's last tap; from MOST_TURNS on none is tried */
    double noise;
    int alternatives; /* the nearest first */
    Alternative alternative[MOST_ALTERNATIVES];
    int kept; /* 0: the oracle's own choice; a: alternative a - 1 */
    /* For the oracle's own choice and each alternative: squared differences at the next taps of the row's token */
    double difference[1 + MOST_ALTERNATIVES][TAPS_COMPARED];
    int taps, last_step;
    int before; /* the open choice of the same token whose outcome the same taps show; -1 */
} OpenChoice;

typedef struct {
    OpenChoice *list;
    int count;
    int *open; /* [batch, columns]: the open choice whose outcome the next taps of that token show; -1 */
    int64_t batch, columns;
    int turn, alternative; /* of the pass that runs now; alternative 0: the oracle's own */
    int decided;           /* turns, so far */
} OpenChoices;

OpenChoices open_choices_new(const PaddingRows *rows, int max_new_tokens);
void open_choices_free(OpenChoices *open_choices);
void open_choices_begin_beside(OpenChoices *open_choices); /* a copy of another: its lists become its own */
void open_choices_clear(OpenChoices *open_choices);
/* A pass in which rows whose turn it is take that alternative. Those that are decided take what was kept. */
void open_choices_begin(OpenChoices *open_choices, int turn, int alternative);

/* A row of scores, and what the oracle chose by them */
typedef struct {
    const double *scores; /* [candidates] */
    int64_t candidates;
    const int64_t *chosen; /* [width] */
    int64_t width;
} ScoredRow;

/* Notes an open choice if the row has one, and returns its number, or -1. open_choice says of which choice, row and
 * turn it would be, and the noise of the scores; two candidates are nearly tied up to a gap of limit times it. */
int open_choices_consider(OpenChoices *open_choices, OpenChoice open_choice, ScoredRow row, double limit);
void open_choices_open(OpenChoices *open_choices, int n, Token token); /* its choice was made in this pass */
const Alternative *open_choices_taken(const OpenChoices *open_choices,
                                      int n); /* in this pass; NULL: the oracle's own */
/* A row of a dumped tap, step number `step`, after its token's choice: how far the backend's is from this pass's */
void open_choices_compare(OpenChoices *open_choices, Token token, int step, double difference);

int open_choices_turns(const OpenChoices *open_choices); /* that some open choice needs; 0 without any */
int open_choices_most_alternatives(const OpenChoices *open_choices, int turn);
bool open_choices_decide(OpenChoices *open_choices,
                         int turn); /* sets kept; whether it is ever another than the oracle's own */
void open_choices_drop_undecided(OpenChoices *open_choices);

#endif
