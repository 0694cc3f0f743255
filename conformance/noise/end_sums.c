/* end_sums.c - distances from F(x), and of logits how far their distributions are apart */
#include "noise/end_sums.h"

#include <math.h>
#include <stdlib.h>

/* The rest of the tap says what to expect of a row, and counts for so many replays, as in scales.c. */
static const double PRIOR = 8;

static double square(double x) { return x * x; }

EndSums end_sums_new(const StepSums *step, bool logits)
{
    size_t rows = (size_t)row_map_rows(&step->row_map);
    EndSums sums = { .step = step,
                     .logits = logits,
                     .expected = allocate_zeroed(rows * (size_t)step->row_map.width, sizeof(double)),
                     .row_norm = allocate_zeroed(rows, sizeof(double)),
                     .row_deviations = allocate_zeroed(rows, sizeof(double)),
                     .row_largest = allocate_zeroed(rows, sizeof(double)) };
    for (size_t row = 0; row < rows; row++) sums.row_norm[row] = -1;
    return sums;
}

void end_sums_free(EndSums *sums)
{
    free(sums->expected);
    free(sums->row_norm);
    free(sums->row_deviations);
    free(sums->row_largest);
}

static double squared_distance(const double *a, const double *b, int64_t count)
{
    double sum = 0;
    for (int64_t j = 0; j < count; j++) sum += square(a[j] - b[j]);
    return sum;
}

static int64_t largest(const double *values, int64_t count)
{
    int64_t best = 0;
    for (int64_t j = 1; j < count; j++)
        if (values[j] > values[best]) best = j;
    return best;
}

static double log_sum(const double *logits, int64_t count)
{
    double most = logits[largest(logits, count)], sum = 0;
    for (int64_t j = 0; j < count; j++) sum += exp(logits[j] - most);
    return most + log(sum);
}

/* The divergence of Kullback and Leibler between the softmax of one row and that of another */
static double divergence_of(const double *expected, const double *logits, int64_t count)
{
    double from = log_sum(expected, count), to = log_sum(logits, count), sum = 0;
    for (int64_t j = 0; j < count; j++) {
        double p = expected[j] - from;
        sum += exp(p) * (p - (logits[j] - to));
    }
    return sum < 0 ? 0 : sum;
}

static bool is_flipped(const double *expected, const double *logits, int64_t count)
{
    return largest(expected, count) != largest(logits, count);
}

void end_sums_expect(EndSums *sums, int64_t row, const double *values)
{
    int64_t width = sums->step->row_map.width;
    sums->row_norm[row] = 0;
    for (int64_t j = 0; j < width; j++) {
        sums->expected[row * width + j] = values[j];
        sums->row_norm[row] += square(values[j]);
    }
}

/* An honest run that overflows is no scale for one that does not: then nothing is too far. */
static double or_infinite(double error) { return isfinite(error) ? error : INFINITY; }

void end_sums_add(EndSums *sums, int64_t row, const double *values)
{
    int64_t width = sums->step->row_map.width;
    const double *expected = sums->expected + row * width;
    double deviation = or_infinite(squared_distance(values, expected, width));
    sums->row_deviations[row] += deviation;
    sums->row_largest[row] = fmax(sums->row_largest[row], deviation);
    sums->replay += deviation;
    if (!sums->logits) return;
    double divergence = or_infinite(divergence_of(expected, values, width));
    sums->divergence += divergence;
    sums->replay_divergence += divergence;
    sums->flipped += is_flipped(expected, values, width);
}

void end_sums_end_replay(EndSums *sums)
{
    sums->largest = fmax(sums->largest, sums->replay);
    sums->largest_divergence = fmax(sums->largest_divergence, sums->replay_divergence);
    sums->replay = sums->replay_divergence = 0;
    sums->replays++;
}

/* ---------------------------------------------------------------- the dump beside them */

/* Adds up graded rows: squares of distances, and divergences as they are. */
typedef struct {
    double *row_difference; /* [rows] */
    double difference, deviations, norm, divergence;
} Totals;

static double ratio_of(double difference, double scale) { return difference == 0 ? 0 : sqrt(difference / scale); }

static Totals add_up(const EndSums *sums, End *end)
{
    int64_t width = sums->step->row_map.width, rows = row_map_rows(&sums->step->row_map);
    double *found = allocate_zeroed((size_t)width, sizeof *found);
    Totals totals = { .row_difference = allocate_zeroed((size_t)rows, sizeof(double)) };
    for (int64_t row = 0; row < rows; row++) {
        if (sums->row_norm[row] < 0) continue;
        const double *expected = sums->expected + row * width;
        step_sums_read_found(sums->step, row, found);
        totals.row_difference[row] = squared_distance(found, expected, width);
        totals.difference += totals.row_difference[row];
        totals.deviations += sums->row_deviations[row] / sums->replays;
        totals.norm += sums->row_norm[row];
        end->rows++;
        if (!sums->logits) continue;
        totals.divergence += divergence_of(expected, found, width);
        end->flipped += is_flipped(expected, found, width);
    }
    free(found);
    return totals;
}

/* Few replays of a row are pooled with what the rest of the tap lets expect of it. */
static double row_scale(const EndSums *sums, const ArithmeticClass *class, const Totals *totals, int64_t row)
{
    double seen = sums->row_deviations[row] / sums->replays, replays = sums->replays;
    double expected = totals->norm > 0 ? totals->deviations * sums->row_norm[row] / totals->norm : 0;
    double pooled = (replays * seen + PRIOR * expected) / (replays + PRIOR);
    return fmax(fmax(seen, pooled), square(class->output_rounding) * sums->row_norm[row]);
}

static double widened(double limit, double largest, double scale, bool is_many)
{
    return is_many ? fmax(limit, ratio_of(largest, scale)) : limit;
}

/* The row that is farthest beyond its limit, or nearest to it */
static void find_worst_row(const EndSums *sums, const ArithmeticClass *class, const Totals *totals, bool is_many,
                           End *end)
{
    end->worst_row = -1;
    for (int64_t row = 0; row < row_map_rows(&sums->step->row_map); row++) {
        if (sums->row_norm[row] < 0) continue;
        double scale = row_scale(sums, class, totals, row), ratio = ratio_of(totals->row_difference[row], scale);
        double limit = widened(class->ends.row, sums->row_largest[row], scale, is_many);
        if (end->worst_row >= 0 && ratio / limit <= end->worst_row_ratio / end->row_limit) continue;
        end->worst_row = row_map_tap_row(&sums->step->row_map, row);
        end->worst_row_ratio = ratio;
        end->row_limit = limit;
    }
}

End end_sums_conclude(const EndSums *sums, const ArithmeticClass *class, bool is_many)
{
    End end = { .logits = sums->logits, .replays = sums->replays };
    Totals totals = add_up(sums, &end);
    double scale = fmax(totals.deviations, square(class->output_rounding) * totals.norm), rows = (double)end.rows;
    end.total = ratio_of(totals.difference, totals.norm);
    end.honest = ratio_of(scale, totals.norm);
    end.ratio = ratio_of(totals.difference, scale);
    end.ratio_limit = widened(class->ends.ratio, sums->largest, scale, is_many);
    find_worst_row(sums, class, &totals, is_many, &end);
    free(totals.row_difference);
    if (!sums->logits) return end;

    /* A divergence of 0 is no scale: rounding the logits alone makes up to half its square. */
    double honest = sums->divergence / sums->replays, least = square(class->output_rounding) * rows / 2;
    end.divergence = totals.divergence / rows;
    end.honest_divergence = honest / rows;
    end.root_ratio = ratio_of(totals.divergence, fmax(honest, least));
    end.root_limit = widened(class->ends.root, sums->largest_divergence, fmax(honest, least), is_many);
    end.honest_flipped = sums->flipped / sums->replays;
    return end;
}
