/* sums.c - differences, row by row */
#include "sums.h"

#include <math.h>
#include <stdlib.h>

static double square(double x) { return x * x; }

Sums sums_new(Extent extent, const Array *backend, bool with_total, bool keep_residual)
{
    size_t rows = (size_t)extent_rows(&extent), elements = rows * (size_t)extent.width;
    Sums sums = { .extent = extent,
                  .backend = backend,
                  .replay = allocate_zeroed(elements, sizeof(float)),
                  .residual = keep_residual ? allocate_zeroed(elements, sizeof(float)) : NULL,
                  .free = with_total ? allocate_zeroed(elements, sizeof(double)) : NULL,
                  .row_difference = allocate_zeroed(rows, sizeof(double)),
                  .row_deviation = allocate_zeroed(rows, sizeof(double)),
                  .row_norm = allocate_zeroed(rows, sizeof(double)) };
    for (size_t row = 0; row < rows; row++) sums.row_norm[row] = -1;
    return sums;
}

void sums_free(Sums *sums)
{
    free(sums->free);
    free(sums->replay);
    free(sums->residual);
    free(sums->row_difference);
    free(sums->row_deviation);
    free(sums->row_norm);
}

void sums_keep_free(Sums *sums, int64_t row, const double *values)
{
    double *kept = sums->free + row * sums->extent.width;
    for (int64_t j = 0; j < sums->extent.width; j++) kept[j] = values[j];
}

void sums_keep_replay(Sums *sums, int64_t row, const double *values)
{
    float *kept = sums->replay + row * sums->extent.width;
    for (int64_t j = 0; j < sums->extent.width; j++) kept[j] = (float)values[j];
}

static void note_worst_element(Sums *sums, Step *step, int64_t row, int64_t column, double difference, double expected,
                               double found)
{
    if (difference <= sums->worst_difference && step->worst_element >= 0) return;
    sums->worst_difference = difference;
    step->worst_element = extent_tap_row(&sums->extent, row) * sums->extent.width + column;
    step->worst_expected = expected;
    step->worst_found = found;
}

static void add_row(Sums *sums, Step *step, int64_t row, double difference, double deviation, double norm)
{
    sums->difference += difference;
    sums->deviation += deviation;
    sums->norm += norm;
    sums->row_difference[row] = difference;
    sums->row_deviation[row] = deviation;
    sums->row_norm[row] = norm;
    step->graded_rows++;
}

void sums_measure(Sums *sums, Step *step, int64_t row, const double *expected, const double *found)
{
    int64_t width = sums->extent.width;
    const float *replay = sums->replay + row * width;
    const double *free = sums->free ? sums->free + row * width : NULL;
    double difference = 0, deviation = 0, norm = 0;

    for (int64_t j = 0; j < width; j++) {
        difference += square(found[j] - expected[j]);
        deviation += square(replay[j] - expected[j]);
        norm += square(expected[j]);
        note_worst_element(sums, step, row, j, fabs(found[j] - expected[j]), expected[j], found[j]);
    }
    for (int64_t j = 0; sums->residual && j < width; j++)
        sums->residual[row * width + j] = (float)(found[j] - expected[j]);
    add_row(sums, step, row, difference, deviation, norm);
    for (int64_t j = 0; free && j < width; j++) {
        sums->inherited += square(expected[j] - free[j]);
        sums->total += square(found[j] - free[j]);
        sums->free_norm += square(free[j]);
    }
}

void sums_count(Sums *sums, Step *step, int64_t row, const double *expected, const double *found)
{
    int64_t width = sums->extent.width, wrong = 0;
    for (int64_t j = 0; j < width; j++) {
        wrong += found[j] != expected[j];
        note_worst_element(sums, step, row, j, found[j] != expected[j], expected[j], found[j]);
    }
    add_row(sums, step, row, (double)wrong, 0, (double)width);
}

static double relative(double difference, double norm)
{
    return difference == 0 ? 0 : sqrt(difference / norm); /* infinite where the norm is 0 */
}

/* The row whose difference is largest beside its noise: what the replay's row deviates by, but never less than the
 * row's share of the tap's noise, because one replay of a few elements can be exact by luck. */
static void find_worst_row(const Sums *sums, double tap_noise, Step *step)
{
    for (int64_t row = 0; row < extent_rows(&sums->extent); row++) {
        if (sums->row_norm[row] < 0) continue;
        double share = tap_noise * relative(sums->row_norm[row], sums->norm);
        double noise = fmax(share, sqrt(sums->row_deviation[row]));
        double ratio = relative(sums->row_difference[row], square(noise));
        if (step->worst_row < 0 || !(ratio <= step->worst_row_ratio)) {
            step->worst_row = extent_tap_row(&sums->extent, row);
            step->worst_row_ratio = ratio;
        }
    }
}

void sums_conclude(const Sums *sums, const Class *class, Step *step)
{
    double noise = noise_floored(class, sqrt(sums->deviation), sqrt(sums->norm));
    step->introduced = relative(sums->difference, sums->norm);
    step->honest = relative(square(noise), sums->norm);
    step->ratio = relative(sums->difference, square(noise));
    step->inherited = sums->free ? relative(sums->inherited, sums->free_norm) : NAN;
    step->total = sums->free ? relative(sums->total, sums->free_norm) : NAN;
    if (step->graded_rows > 0) find_worst_row(sums, noise, step);
    step->verdict = verdict_of(
        class, (Measurement){ step->graded_rows, step->non_finite, step->ratio, step->worst_row_ratio });
}
