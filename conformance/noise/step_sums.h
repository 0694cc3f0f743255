/* step_sums.h - what the rows of one step add up to, from pass to pass
 *
 * The nearest replay is first, then the oracle's pass, then replays that round at random. Two numbers are kept of an
 * element: the backend's residual, from which and the dump the oracle's value comes back, and what the replays so far
 * deviate by.
 */
#ifndef PLUMB_STEP_SUMS_H
#define PLUMB_STEP_SUMS_H

#include "noise/row_map.h"
#include "grade/grade.h"

/* An element is a sum of terms as large as other elements of its row and channel, however small it is itself. */
typedef struct {
    double *row;    /* mean size of its elements over that of all */
    double *column; /* mean size of its elements, pooled with that of all */
    double rows;    /* sum of squares of row */
    double norm;    /* sum of squares of all elements' own and typical size */
} Sizes;

/* Sums of squares of what an honest backend is off by, before any allowance (scales.h) */
typedef struct {
    double *row, *column;
} Noise;

typedef struct StepSums {
    RowMap row_map;
    const Array *backend;   /* y' */
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

/* The backend's row, in the order of size where `sorted` says so. row: of the array, as in all of these */
void step_sums_read_found(const StepSums *sums, int64_t row, double *found);
void step_sums_sort_row(double *row, int64_t width);

void step_sums_keep_free(StepSums *sums, int64_t row, const double *values);
void step_sums_keep_replay(StepSums *sums, int64_t row, const double *values);

/* A graded row in the oracle pass: the reference's values, and the backend's. */
void step_sums_measure(StepSums *sums, Step *step, int64_t row, const double *expected, const double *found);
/* The same for a row of choices. */
void step_sums_count(StepSums *sums, Step *step, int64_t row, const double *expected, const double *found);

/* Element i of the array: the backend's value, and the reference's */
double step_sums_found(const StepSums *sums, int64_t i);
double step_sums_expected(const StepSums *sums, int64_t i);

/* Adds a row of a replay that was rounded at random. */
void step_sums_add_replay(StepSums *sums, const ArithmeticClass *class, int64_t row, const double *values,
                          const double *found);
void step_sums_end_replay(StepSums *sums); /* of the oracle's pass too, which the nearest replay is compared in */

#endif
