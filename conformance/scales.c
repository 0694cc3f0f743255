/* scales.c - what few samples say, and what the rest of the tap says */
#include "scales.h"

#include <math.h>

/* How many samples the expectation counts for. */
static const double PRIOR = 8;

static double square(double x) { return x * x; }

/* Never less than what was seen, nor much less than what was to be expected. */
static double pooled(double seen, int samples, double expected)
{
    return fmax(seen, (samples * seen + PRIOR * expected) / (samples + PRIOR));
}

static double share(double whole, double part, double norm) { return norm > 0 ? whole * part / norm : 0; }
static double rounding(const Class *class, double norm) { return square(class->output_rounding) * norm; }

double size_of_element(const Sums *sums, const Class *class, int64_t row, double expected)
{
    return fabs(expected) + class->cancelled * sqrt(sums->row_norm[row] / (double)sums->extent.width);
}

double scale_of_tap(const Sums *sums, const Class *class)
{
    return fmax(sums->deviations, rounding(class, sums->norm));
}

static double row_noise(const Sums *sums, int64_t row)
{
    return pooled(sums->row_deviation[row], sums->samples, share(sums->deviations, sums->row_norm[row], sums->norm));
}

static double channel_noise(const Sums *sums, int64_t column)
{
    double expected = share(sums->deviations, sums->column_size[column], sums->size);
    return pooled(sums->column_deviation[column], sums->samples, expected);
}

double scale_of_row(const Sums *sums, const Class *class, int64_t row)
{
    return fmax(row_noise(sums, row), rounding(class, sums->row_norm[row]));
}

double scale_of_channel(const Sums *sums, const Class *class, int64_t column)
{
    return fmax(channel_noise(sums, column), rounding(class, sums->column_size[column]));
}

/* An element is expected to have its row's share of its channel's noise. */
double scale_of_element(const Sums *sums, const Class *class, int64_t row, int64_t column, double expected)
{
    double to_expect = share(row_noise(sums, row), channel_noise(sums, column), sums->deviations);
    double seen = square(sums->deviation[row * sums->extent.width + column]);
    double size = size_of_element(sums, class, row, expected);
    return fmax(pooled(seen, sums->samples, to_expect), rounding(class, square(size)));
}
