/* choice_scores.c - probabilities and logits, and how far an honest backend's are off */
#include "lockstep/choice_scores.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "run/arena.h"
#include "dump/tap_name.h"
#include "dump/tap_value.h"

/* Below this, nobody is chosen; it keeps the logarithm finite. */
#define LEAST_PROBABILITY 1e-30

/* The score of a suppressed token is below every logit, and the same in float, so that no noise comes of it. */
#define SUPPRESSED (-0x1p100)

bool choice_scores_are(const char *tap) { return tap_ends(tap, ".router") || tap_is(tap, "logits"); }

void choice_scores_observe(ChoiceScores *scores, const PaddingRows *rows, const Tap *tap)
{
    Layout at = padding_rows_layout(rows, tap);
    int64_t width = tap->shape[tap->rank - 1];
    scores->logits = tap_is(tap->name, "logits");
    int64_t every = scores->logits ? at.positions : 1; /* the token is chosen by the last position alone */
    if (tap->first == 0) {
        scores->candidates = width;
        scores->rows = at.outer * at.positions / every;
        scores->values = reallocate(scores->values, checked_size(scores->rows, width, 1), sizeof *scores->values);
    }
    for (int64_t row = tap->first / width; row < (tap->first + tap->count) / width; row++) {
        if ((row + 1) % every != 0) continue;
        double *values = scores->values + row / every * width;
        for (int64_t j = 0; j < width; j++) {
            double value = tap_value(tap, row * width - tap->first + j);
            values[j] = scores->logits ? value : log(fmax(value, LEAST_PROBABILITY));
        }
        for (int i = 0; scores->logits && i < scores->suppress_count; i++)
            if (scores->suppress_tokens[i] < width) values[scores->suppress_tokens[i]] = SUPPRESSED;
    }
}

float *choice_scores_copy(const ChoiceScores *scores)
{
    int64_t count = scores->rows * scores->candidates;
    float *copy = allocate_zeroed((size_t)count, sizeof *copy);
    for (int64_t i = 0; i < count; i++) copy[i] = (float)scores->values[i];
    return copy;
}

const double *choice_scores_row(const ChoiceScores *scores, int64_t row)
{
    assert(row < scores->rows);
    return scores->values + row * scores->candidates;
}

double choice_scores_noise(const ChoiceScores *scores, const float *replay, int64_t row, const ArithmeticClass *class)
{
    const double *values = choice_scores_row(scores, row);
    double deviation = 0, largest = values[0];
    for (int64_t j = 0; j < scores->candidates; j++) {
        double difference = replay ? replay[row * scores->candidates + j] - values[j] : 0;
        deviation += difference * difference;
        largest = fmax(largest, values[j]);
    }
    /* A rounding of a probability moves its logarithm by as much, whatever it is. */
    double scale = scores->logits ? fabs(largest) : 1;
    return noise_floored(class, sqrt(deviation / (double)scores->candidates), scale);
}
