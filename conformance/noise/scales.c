/* scales.c - what few samples say, and what the rest of the tap says */
#include "noise/scales.h"

#include <math.h>

/* The expectation counts for so many samples. */
static const double PRIOR = 8;

/* An element may be a sum of partial sums that were rounded too, as split-K products in a narrow dtype are: these may
 * be PARTIAL_SUMS times as large as the element typically is. And however small an element is, it is made from terms
 * that are not: at least SMALL of its typical size was rounded on the way. */
static const double PARTIAL_SUMS = 2, SMALL = 0.1;

static double square(double x) { return x * x; }

static double blended(double seen, double samples, double expected)
{
    return (samples * seen + PRIOR * expected) / (samples + PRIOR);
}

static double share(double whole, double part, double norm) { return norm > 0 ? whole * part / norm : 0; }
static double rounding(const ArithmeticClass *class, double norm) { return square(class->output_rounding) * norm; }

/* ---------------------------------------------------------------- sizes */

static double channel_size(const StepSums *sums, int64_t column)
{
    return sums->column_norm[column] + square(PARTIAL_SUMS * sums->sizes.column[column]) * sums->sizes.rows;
}

static void conclude_sizes(StepSums *sums, int64_t graded_rows)
{
    Sizes *sizes = &sums->sizes;
    int64_t rows = row_map_rows(&sums->row_map), width = sums->row_map.width;
    double all = 0, count = (double)graded_rows;
    for (int64_t row = 0; row < rows; row++) all += sizes->row[row] / (double)width;
    if (all == 0) return;
    for (int64_t row = 0; row < rows; row++) {
        sizes->row[row] /= (double)width * all / count;
        sizes->rows += square(sizes->row[row]);
    }
    for (int64_t j = 0; j < width; j++) {
        sizes->column[j] = blended(sizes->column[j] / count, count, all / count);
        sizes->norm += channel_size(sums, j);
    }
}

/* ---------------------------------------------------------------- scales */

/* The pooled value is never less than what was seen, nor much less than what was to be expected. */
static double pooled(double seen, int samples, double expected) { return fmax(seen, blended(seen, samples, expected)); }

static double row_noise(const StepSums *sums, int64_t row)
{
    return pooled(sums->row_deviation[row], sums->samples, share(sums->deviations, sums->row_norm[row], sums->norm));
}

static double channel_noise(const StepSums *sums, int64_t column)
{
    double expected = share(sums->deviations, channel_size(sums, column), sums->sizes.norm);
    return pooled(sums->column_deviation[column], sums->samples, expected);
}

void scales_conclude(StepSums *sums, int64_t graded_rows)
{
    conclude_sizes(sums, graded_rows);
    for (int64_t row = 0; row < row_map_rows(&sums->row_map); row++)
        if (sums->row_norm[row] >= 0) sums->noise.row[row] = row_noise(sums, row);
    for (int64_t j = 0; j < sums->row_map.width; j++) sums->noise.column[j] = channel_noise(sums, j);
}

double scale_of_tap(const StepSums *sums, const ArithmeticClass *class)
{
    return fmax(sums->deviations, rounding(class, sums->norm));
}

double scale_of_row(const StepSums *sums, const ArithmeticClass *class, int64_t row)
{
    return fmax(sums->noise.row[row], rounding(class, sums->row_norm[row]));
}

double scale_of_channel(const StepSums *sums, const ArithmeticClass *class, int64_t column)
{
    return fmax(sums->noise.column[column], rounding(class, channel_size(sums, column)));
}

/* An element is expected to have its row's share of its channel's noise. */
static double to_expect(const StepSums *sums, int64_t row, int64_t column)
{
    return share(sums->noise.row[row], sums->noise.column[column], sums->deviations);
}

static double typical_size(const StepSums *sums, int64_t row, int64_t column)
{
    return sums->sizes.row[row] * sums->sizes.column[column];
}

double noise_of_element(const StepSums *sums, const ArithmeticClass *class, int64_t row, int64_t column,
                        double expected)
{
    double seen = square(sums->deviation[row * sums->row_map.width + column]);
    double size = fabs(expected) + SMALL * typical_size(sums, row, column);
    return fmax(pooled(seen, sums->samples, to_expect(sums, row, column)), rounding(class, square(size)));
}

double scale_of_element(const StepSums *sums, const ArithmeticClass *class, int64_t row, int64_t column,
                        double expected)
{
    double noise = noise_of_element(sums, class, row, column, expected);
    double size = square(expected) + square(PARTIAL_SUMS * typical_size(sums, row, column));
    double share_of_row = share(sums->noise.row[row], square(expected), sums->row_norm[row]);
    return fmax(fmax(noise, fmax(to_expect(sums, row, column), share_of_row)), rounding(class, size));
}
