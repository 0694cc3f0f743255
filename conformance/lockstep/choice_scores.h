/* choice_scores.h - the scores that experts and tokens are chosen by
 *
 * Experts are chosen by the router's probabilities, kept here as logarithms, and tokens by the logits of the last
 * position. The largest scores win, so two candidates can change places when the gap between their scores is within the
 * noise of the scores.
 */
#ifndef PLUMB_CHOICE_SCORES_H
#define PLUMB_CHOICE_SCORES_H

#include "grade/arithmetic_class.h"
#include "noise/padding_rows.h"

typedef struct {
    double *values; /* [rows, candidates] of the last tap that was observed, as a hook left them */
    int64_t rows, candidates;
    bool logits;                    /* not the router's */
    const int64_t *suppress_tokens; /* model.h: tokens that are never chosen */
    int suppress_count;
} ChoiceScores;

bool choice_scores_are(const char *tap); /* of such a name */
void choice_scores_observe(ChoiceScores *scores, const PaddingRows *rows,
                           const Tap *tap);            /* every such tap, or part of one, in order */
float *choice_scores_copy(const ChoiceScores *scores); /* the replay's, for scores_noise; free it */
const double *choice_scores_row(const ChoiceScores *scores, int64_t row);

/* The noise of a row of the oracle's scores: the rms by which the replay's deviate, but never less than one rounding.
 * replay: a copy of its scores; NULL where the dump holds them, which both then have in common. */
double choice_scores_noise(const ChoiceScores *scores, const float *replay, int64_t row, const ArithmeticClass *class);

#endif
