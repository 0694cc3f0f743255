/* step_sums.h - what the rows of one step add up to, from pass to pass
 *
 * The nearest replay comes first, then the oracle's pass, then replays that round at random. Two numbers of each
 * element are kept. One is the residual of the backend: the dump's value less the residual is the oracle's value again.
 * The other is how far the replays so far deviate from the oracle's value.
 */
#ifndef PLUMB_STEP_SUMS_H
#define PLUMB_STEP_SUMS_H

#include "noise/row_map.h"
#include "grade/grade.h"

/* An element is a sum of terms as large as other elements of its row and channel, however small it is itself. */
typedef struct {
    double *row;    /* the mean size of a row's elements over that of all */
    double *column; /* the mean size of a channel's elements, pooled with that of all */
    double rows;    /* sum of squares of row */
    double norm;    /* sum of squares of all elements' own and typical size */
} Sizes;

/* An honest backend is off by so much: sums of squares, before any allowance (scales.h) */
typedef struct {
    double *row, *column;
} Noise;

typedef struct StepSums {
    RowMap row_map;
    const Array *backend;   /* y' */
    bool flags;             /* it is a mask, whose values are 1 or 0 */
    bool is_choice;         /* numbers are names: an element is right or wrong, and no replay says by how much */
    bool sorted;            /* rows are compared in the order of size */
    double *reference_pass; /* F(x); NULL unless asked for */
    float *residual;        /* y' - F(x') of graded rows */
    float *deviation; /* the nearest replay's value at x'; from the oracle's pass on, root sums of squared deviations */
    int samples;      /* replays that they are of; root mean squares once concluded */
    double *replays;  /* [samples]: the sum of squares that each deviates by */
    double replay;    /* the same of the one that runs */
    double bias;      /* sum of residuals along the values' signs */
    double replay_bias, replay_biases; /* the same of this replay; sum of squares of those before it */
    double inherited, total, reference_norm;
    /* Once concluded, but for row_norm, which is -1 where nothing is graded: sums of squares over graded rows of
     * y' - F(x'), of replay - F(x') on average, and of F(x'). */
    double difference, deviations, norm;
    double *row_difference, *row_deviation, *row_norm;
    double *column_difference, *column_deviation, *column_norm;
    Sizes sizes;
    Noise noise;
} StepSums;

StepSums step_sums_new(RowMap row_map, const Array *backend, bool is_choice, bool with_total);
void step_sums_free(StepSums *sums);

/* Reads the backend's row, in the order of size where `sorted` says so. Here as in all of these, rows are those of the
 * dump's array. */
void step_sums_read_found(const StepSums *sums, int64_t row, double *found);
void step_sums_sort_row(double *row, int64_t width);
int64_t step_sums_rank(const double *row, int64_t width, int64_t place); /* that the element comes to when sorted */

void step_sums_keep_free(StepSums *sums, int64_t row, const double *values);
void step_sums_keep_replay(StepSums *sums, int64_t row, const double *values);

/* Compares a graded row in the oracle's pass: the reference's values, and the backend's. */
void step_sums_measure(StepSums *sums, Step *step, int64_t row, const double *expected, const double *found);
/* Does the same for a row of choices, which are right or wrong. */
void step_sums_count(StepSums *sums, Step *step, int64_t row, const double *expected, const double *found);
/* Notes that a row is graded, which somebody else does. */
void step_sums_note_graded(StepSums *sums, Step *step, int64_t row);

/* Element i of the array: the backend's value, and the reference's */
double step_sums_found(const StepSums *sums, int64_t i);
double step_sums_expected(const StepSums *sums, int64_t i);

/* Adds a row of a replay that was rounded at random. */
void step_sums_add_replay(StepSums *sums, const ArithmeticClass *class, int64_t row, const double *values,
                          const double *found);
/* Ends a replay; and the oracle's pass, in which the nearest replay is compared. */
void step_sums_end_replay(StepSums *sums);

#endif
