/* step_sums.c - differences, row by row */
#include "noise/step_sums.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

static double square(double x) { return x * x; }

StepSums step_sums_new(RowMap row_map, const Array *backend, bool is_choice, bool with_total)
{
    size_t rows = (size_t)row_map_rows(&row_map), width = (size_t)row_map.width, elements = rows * width;
    StepSums sums = { .row_map = row_map,
                      .backend = backend,
                      .is_choice = is_choice,
                      .reference_pass = with_total ? allocate_zeroed(elements, sizeof(double)) : NULL,
                      .residual = allocate_zeroed(elements, sizeof(float)),
                      .deviation = allocate_zeroed(elements, sizeof(float)),
                      .row_difference = allocate_zeroed(rows, sizeof(double)),
                      .row_deviation = allocate_zeroed(rows, sizeof(double)),
                      .row_norm = allocate_zeroed(rows, sizeof(double)),
                      .column_difference = allocate_zeroed(width, sizeof(double)),
                      .column_deviation = allocate_zeroed(width, sizeof(double)),
                      .column_norm = allocate_zeroed(width, sizeof(double)),
                      .sizes.row = allocate_zeroed(rows, sizeof(double)),
                      .sizes.column = allocate_zeroed(width, sizeof(double)),
                      .noise.row = allocate_zeroed(rows, sizeof(double)),
                      .noise.column = allocate_zeroed(width, sizeof(double)) };
    for (size_t row = 0; row < rows; row++) sums.row_norm[row] = -1;
    return sums;
}

void step_sums_free(StepSums *sums)
{
    free(sums->reference_pass);
    free(sums->residual);
    free(sums->deviation);
    free(sums->replays);
    free(sums->row_difference);
    free(sums->row_deviation);
    free(sums->row_norm);
    free(sums->column_difference);
    free(sums->column_deviation);
    free(sums->column_norm);
    free(sums->sizes.row);
    free(sums->sizes.column);
    free(sums->noise.row);
    free(sums->noise.column);
}

/* ---------------------------------------------------------------- rows of a pass */

static int by_size(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? 1 : a > b ? -1 : 0;
}

void step_sums_sort_row(double *row, int64_t width) { qsort(row, (size_t)width, sizeof *row, by_size); }

int64_t step_sums_rank(const double *row, int64_t width, int64_t place)
{
    int64_t rank = 0;
    for (int64_t j = 0; j < width; j++) rank += row[j] > row[place] || (row[j] == row[place] && j < place);
    return rank;
}

/* In a mask any byte but 0 says yes: some backends store 255. And what float32 does not reach is a number in no class,
 * whatever dtype it is stored in: residuals of it would be infinite, and all that is added up with them. */
static double as_compared(const StepSums *sums, double value)
{
    bool is_byte = sums->backend->dtype == DTYPE_U8 || sums->backend->dtype == DTYPE_BOOL;
    if (sums->flags && is_byte && value > 1) return 1;
    return fabs(value) > FLT_MAX ? copysign(INFINITY, value) : value;
}

void step_sums_read_found(const StepSums *sums, int64_t row, double *found)
{
    array_read_f64(sums->backend, row * sums->row_map.width, sums->row_map.width, found);
    for (int64_t j = 0; j < sums->row_map.width; j++) found[j] = as_compared(sums, found[j]);
    if (sums->sorted) step_sums_sort_row(found, sums->row_map.width);
}

void step_sums_keep_free(StepSums *sums, int64_t row, const double *values)
{
    double *kept = sums->reference_pass + row * sums->row_map.width;
    for (int64_t j = 0; j < sums->row_map.width; j++) kept[j] = values[j];
}

void step_sums_keep_replay(StepSums *sums, int64_t row, const double *values)
{
    float *kept = sums->deviation + row * sums->row_map.width;
    for (int64_t j = 0; j < sums->row_map.width; j++) kept[j] = (float)values[j];
}

/* An overflow of the replay, which an honest backend may not have, loses the value itself. */
static double deviation_of(double replayed, double expected)
{
    return isfinite(replayed - expected) ? replayed - expected : expected;
}

static double along(double difference, double expected)
{
    return expected > 0 ? difference : expected < 0 ? -difference : 0;
}

void step_sums_measure(StepSums *sums, Step *step, int64_t row, const double *expected, const double *found)
{
    int64_t width = sums->row_map.width;
    float *residual = sums->residual + row * width, *replay = sums->deviation + row * width;
    const double *reference_pass = sums->reference_pass ? sums->reference_pass + row * width : NULL;
    sums->row_norm[row] = 0;
    step->graded_rows++;
    for (int64_t j = 0; j < width; j++) {
        double deviation = deviation_of(replay[j], expected[j]);
        residual[j] = (float)(found[j] - expected[j]);
        replay[j] = (float)fabs(deviation);
        sums->row_norm[row] += square(expected[j]);
        sums->bias += along(found[j] - expected[j], expected[j]);
        sums->replay += square(deviation);
        sums->replay_bias += along(deviation, expected[j]);
    }
    for (int64_t j = 0; reference_pass && j < width; j++) {
        sums->inherited += square(expected[j] - reference_pass[j]);
        sums->total += square(found[j] - reference_pass[j]);
        sums->reference_norm += square(reference_pass[j]);
    }
}

void step_sums_count(StepSums *sums, Step *step, int64_t row, const double *expected, const double *found)
{
    int64_t width = sums->row_map.width;
    float *residual = sums->residual + row * width;
    sums->row_norm[row] = (double)width;
    step->graded_rows++;
    for (int64_t j = 0; j < width; j++) {
        residual[j] = found[j] != expected[j];
        if (step->worst_element >= 0 && residual[j] == 0) continue;
        if (step->worst_element >= 0 && step->worst_expected != step->worst_found) continue;
        step->worst_element = row_map_tap_row(&sums->row_map, row) * width + j;
        step->worst_expected = expected[j];
        step->worst_found = found[j];
    }
}

void step_sums_note_graded(StepSums *sums, Step *step, int64_t row)
{
    sums->row_norm[row] = 0;
    step->graded_rows++;
}

double step_sums_found(const StepSums *sums, int64_t i)
{
    int64_t width = sums->row_map.width;
    double found;
    array_read_f64(sums->backend, i, 1, &found);
    if (!sums->sorted) return as_compared(sums, found);
    double *row = allocate_zeroed((size_t)width, sizeof *row);
    step_sums_read_found(sums, i / width, row);
    found = row[i % width];
    free(row);
    return found;
}

double step_sums_expected(const StepSums *sums, int64_t i) { return step_sums_found(sums, i) - sums->residual[i]; }

void step_sums_add_replay(StepSums *sums, const ArithmeticClass *class, int64_t row, const double *values,
                          const double *found)
{
    int64_t width = sums->row_map.width;
    const float *residual = sums->residual + row * width;
    float *deviations = sums->deviation + row * width;
    if (sums->row_norm[row] < 0) return;
    for (int64_t j = 0; j < width; j++) {
        double expected = found[j] - residual[j], deviation = deviation_of(values[j], expected);
        deviations[j] = (float)sqrt(square(deviations[j]) + square(deviation) / class->random_over_nearest);
        sums->replay += square(deviation) / class->random_over_nearest;
        sums->replay_bias += along(deviation, expected) / sqrt(class->random_over_nearest);
    }
}

void step_sums_end_replay(StepSums *sums)
{
    sums->replays = reallocate(sums->replays, (size_t)(sums->samples + 1), sizeof *sums->replays);
    sums->replays[sums->samples++] = sums->replay;
    sums->replay_biases += square(sums->replay_bias);
    sums->replay = sums->replay_bias = 0;
}
