/* step_conclusion.c - rows, channels and elements, each against its own noise */
#include "noise/step_conclusion.h"

#include <math.h>
#include <stdlib.h>

#include "noise/scales.h"

static double square(double x) { return x * x; }

static double relative(double difference, double norm)
{
    return difference == 0 ? 0 : sqrt(difference / norm); /* infinite where the norm is 0 */
}

/* The value that the row's element should have. A choice is right or wrong, and counts as 1. */
static double expected_at(const StepSums *sums, int64_t row, int64_t j, const double *found)
{
    return sums->is_choice ? 1 : found[j] - sums->residual[row * sums->row_map.width + j];
}

static void add_up_row(StepSums *sums, int64_t row, const double *found)
{
    int64_t width = sums->row_map.width;
    for (int64_t j = 0; j < width; j++) {
        int64_t i = row * width + j;
        double difference = square(sums->residual[i]), expected = expected_at(sums, row, j, found);
        sums->deviation[i] = sums->is_choice ? 0 : sums->deviation[i] / sqrtf((float)sums->samples);
        sums->row_difference[row] += difference;
        sums->row_deviation[row] += square(sums->deviation[i]);
        sums->column_difference[j] += difference;
        sums->column_deviation[j] += square(sums->deviation[i]);
        sums->column_norm[j] += square(expected);
        sums->sizes.row[row] += fabs(expected);
        sums->sizes.column[j] += fabs(expected);
    }
    sums->difference += sums->row_difference[row];
    sums->deviations += sums->row_deviation[row];
    sums->norm += sums->row_norm[row];
}

static void add_up(StepSums *sums, int64_t graded_rows, double *found)
{
    for (int64_t row = 0; row < row_map_rows(&sums->row_map); row++) {
        if (sums->row_norm[row] < 0) continue;
        step_sums_read_found(sums, row, found);
        add_up_row(sums, row, found);
    }
    scales_conclude(sums, graded_rows);
}

/* A NaN counts as larger than any number, and is kept. */
static bool is_worse(double ratio, double worst) { return !(ratio <= worst) && !isnan(worst); }

/* How much a part has beyond honest noise, as far as its own limit lets it pass, in units of the whole's */
static double excess(double difference, double scale, double limit, double whole)
{
    double beyond = fmin(difference / scale, square(limit)) - 1;
    return beyond > 0 && whole > 0 ? beyond * scale / whole : 0;
}

static void find_worst_row(const StepSums *sums, const ArithmeticClass *class, Step *step)
{
    for (int64_t row = 0; row < row_map_rows(&sums->row_map); row++) {
        if (sums->row_norm[row] < 0) continue;
        double scale = scale_of_row(sums, class, row), ratio = relative(sums->row_difference[row], scale);
        step->row_excess = fmax(step->row_excess,
                                excess(sums->row_difference[row], scale, class->limits.row, scale_of_tap(sums, class)));
        if (step->worst_row >= 0 && !is_worse(ratio, step->worst_row_ratio)) continue;
        step->worst_row = row_map_tap_row(&sums->row_map, row);
        step->worst_row_ratio = ratio;
    }
}

/* The one that is furthest beyond its own limit, which is wider by what one of its elements may have */
static void find_worst_channel(const StepSums *sums, const ArithmeticClass *class, Step *step, const double *excesses)
{
    double worst = 0;
    Measurement m = step_measurement(step);
    for (int64_t j = 0; j < sums->row_map.width; j++) {
        double scale = scale_of_channel(sums, class, j), ratio = relative(sums->column_difference[j], scale);
        m.channel_excess = scale > 0 ? excesses[j] / scale : 0;
        double beyond = square(ratio) - square(limit_of(class, &m, GATE_CHANNEL));
        if (step->worst_channel >= 0 && !is_worse(beyond, worst)) continue;
        worst = beyond;
        step->worst_channel = j;
        step->worst_channel_ratio = ratio;
        step->channel_excess = m.channel_excess;
    }
}

/* The bias is measured in units of the elements' noise, which is added up here, too. Leaves in excesses what of each
 * channel the element has that has most beyond honest noise. */
static void find_worst_element(const StepSums *sums, const ArithmeticClass *class, Step *step, double *excesses)
{
    int64_t width = sums->row_map.width;
    double scales = 0, *found = allocate_zeroed((size_t)width, sizeof *found);
    step->worst_element_ratio = -1;
    for (int64_t row = 0; row < row_map_rows(&sums->row_map); row++) {
        if (sums->row_norm[row] < 0) continue;
        step_sums_read_found(sums, row, found);
        for (int64_t j = 0; j < width; j++) {
            double expected = expected_at(sums, row, j, found), residual = sums->residual[row * width + j];
            double scale = scale_of_element(sums, class, row, j, expected), ratio = relative(square(residual), scale);
            excesses[j] = fmax(excesses[j], excess(square(residual), scale, class->limits.element, 1));
            scales += sqrt(noise_of_element(sums, class, row, j, expected));
            if (!is_worse(ratio, step->worst_element_ratio)) continue;
            step->worst_element_ratio = ratio;
            if (sums->is_choice) continue;
            step->worst_element = row_map_tap_row(&sums->row_map, row) * width + j;
            step->worst_expected = expected;
            step->worst_found = found[j];
        }
    }
    free(found);
    step->bias = sums->bias == 0 ? 0 : sums->bias / scales;
    step->honest_bias = sums->replay_biases == 0 ? 0 : sqrt(sums->replay_biases / sums->samples) / scales;
}

void step_sums_conclude(StepSums *sums, const ArithmeticClass *class, Step *step)
{
    double *found = allocate_zeroed((size_t)sums->row_map.width, sizeof *found);
    double *excesses = allocate_zeroed((size_t)sums->row_map.width, sizeof *excesses);
    add_up(sums, step->graded_rows, found);
    free(found);
    double noise = scale_of_tap(sums, class);
    step->samples = sums->samples;
    step->introduced = relative(sums->difference, sums->norm);
    step->honest = relative(noise, sums->norm);
    step->ratio = relative(sums->difference, noise);
    step->inherited = sums->reference_pass ? relative(sums->inherited, sums->reference_norm) : NAN;
    step->total = sums->reference_pass ? relative(sums->total, sums->reference_norm) : NAN;
    if (step->graded_rows > 0) {
        find_worst_row(sums, class, step);
        find_worst_element(sums, class, step, excesses);
        find_worst_channel(sums, class, step, excesses);
    }
    step->verdict = verdict_of(class, step_measurement(step));
    free(excesses);
}
