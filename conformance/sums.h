/* sums.h - what the rows of one step add up to, from pass to pass */
#ifndef PLUMB_SUMS_H
#define PLUMB_SUMS_H

#include "extent.h"
#include "lockstep.h"

struct Sums {
    Extent extent;
    const Array *backend;               /* y' */
    double *free;                       /* F(x); NULL unless asked for */
    float *replay;                      /* the honest backend's value at x' */
    float *residual;                    /* y' - F(x') of graded rows; NULL unless asked for */
    double difference, norm, deviation; /* sums of squares over graded rows: y' - F(x'), F(x'), replay - F(x') */
    double inherited, total, free_norm;
    double worst_difference;                           /* of an element */
    double *row_difference, *row_deviation, *row_norm; /* sums of squares; the norm is -1 where nothing is graded */
};

Sums sums_new(Extent extent, const Array *backend, bool with_total, bool keep_residual);
void sums_free(Sums *sums);

/* What the passes before the oracle's keep of a row. row: of the array, as in all of these */
void sums_keep_free(Sums *sums, int64_t row, const double *values);
void sums_keep_replay(Sums *sums, int64_t row, const double *values);

/* A graded row in the oracle pass: the reference's values, and the backend's. */
void sums_measure(Sums *sums, Step *step, int64_t row, const double *expected, const double *found);
/* The same for a row of choices, where numbers are names: an element is right or wrong. */
void sums_count(Sums *sums, Step *step, int64_t row, const double *expected, const double *found);

void sums_conclude(const Sums *sums, const Class *class, Step *step); /* fills in the step */

#endif
