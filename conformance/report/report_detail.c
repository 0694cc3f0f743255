/* report_detail.c - rows, channels, elements; an honest replay's elements beside them */
#include "report/report_detail.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dump/tap_name.h"
#include "noise/scales.h"
#include "report/json_file.h"
#include "report/looking_grid.h"
#include "run/arena.h"

/* Bins of 0.2 around 0, and the last one on either side holds what is farther out. */
enum { BINS = 61 };
static const double BIN_WIDTH = 0.2;

/* How far elements are off: those of the dump, or those of an honest replay */
typedef struct {
    json_int_t counts[BINS], not_finite;
} Histogram;

/* One pass of an honest replay fills this in. */
typedef struct {
    const Lockstep *lockstep;
    Histogram *honest; /* a step each */
} HonestPass;

/* Four digits say enough, and a report stays small. */
static json_t *short_number(double value)
{
    char text[32];
    snprintf(text, sizeof text, "%.4g", value);
    return number_json(strtod(text, NULL));
}

static double ratio_of(double difference, double scale) { return difference == 0 ? 0 : sqrt(difference / scale); }

static json_t *rows_json(const StepSums *sums, const ArithmeticClass *class, int64_t tap_rows)
{
    json_t *rows = json_array();
    for (int64_t i = 0; i < tap_rows; i++) {
        int64_t row = row_map_dump_row(&sums->row_map, i);
        bool graded = row >= 0 && sums->row_norm[row] >= 0;
        json_array_append_new(rows,
                              graded ? short_number(ratio_of(sums->row_difference[row], scale_of_row(sums, class, row)))
                                     : json_null());
    }
    return rows;
}

static json_t *channels_json(const StepSums *sums, const ArithmeticClass *class)
{
    json_t *channels = json_array();
    for (int64_t j = 0; j < sums->row_map.width; j++)
        json_array_append_new(channels,
                              short_number(ratio_of(sums->column_difference[j], scale_of_channel(sums, class, j))));
    return channels;
}

static int bin_of(double units)
{
    double bin = floor(units / BIN_WIDTH + BINS / 2.0);
    return bin < 0 ? 0 : bin >= BINS ? BINS - 1 : (int)bin;
}

static void histogram_add(Histogram *histogram, double residual, double noise)
{
    double units = residual == 0 ? 0 : residual / sqrt(noise);
    if (isnan(units))
        histogram->not_finite++;
    else
        histogram->counts[bin_of(units)]++;
}

static Histogram histogram_of(const StepSums *sums, const ArithmeticClass *class)
{
    Histogram histogram = { { 0 }, 0 };
    int64_t width = sums->row_map.width;
    for (int64_t row = 0; row < row_map_rows(&sums->row_map); row++)
        for (int64_t j = 0; sums->row_norm[row] >= 0 && j < width; j++)
            histogram_add(&histogram, sums->residual[row * width + j],
                          noise_of_element(sums, class, row, j, step_sums_expected(sums, row * width + j)));
    return histogram;
}

static void visit_honest_row(void *context, int step, int64_t row, const double *values)
{
    const HonestPass *pass = context;
    const StepSums *sums = lockstep_sums(pass->lockstep, step);
    int64_t width = sums->row_map.width;
    for (int64_t j = 0; j < width && !sums->is_choice; j++) {
        double expected = step_sums_expected(sums, row * width + j);
        histogram_add(&pass->honest[step], values[j] - expected,
                      noise_of_element(sums, lockstep_grade_so_far(pass->lockstep)->class, row, j, expected));
    }
}

static json_t *counts_json(const Histogram *histogram)
{
    json_t *list = json_array();
    for (int i = 0; i < BINS; i++) json_array_append_new(list, json_integer(histogram->counts[i]));
    return list;
}

static json_t *elements_json(const StepSums *sums, const ArithmeticClass *class, const Histogram *honest)
{
    if (sums->is_choice) return json_null();
    Histogram found = histogram_of(sums, class);
    return json_pack("{s:f, s:o, s:o, s:I}", "bin_width", BIN_WIDTH, "counts", counts_json(&found), "honest",
                     counts_json(honest), "not_finite", found.not_finite);
}

/* How the tap's rows lie: row = (outer * positions + position) * inner + i, outer = batch * heads + head */
static json_t *layout_json(const Lockstep *lockstep, const Step *step)
{
    Tap tap = { .name = step->tap, .rank = step->rank };
    memcpy(tap.shape, step->shape, sizeof tap.shape);
    Layout at = padding_rows_layout(lockstep_rows(lockstep), &tap);
    bool of_tower = tap_begins(step->tap, "model.vision_tower.patch_embedder") ||
                    tap_begins(step->tap, "model.vision_tower.encoder");
    const char *of = of_tower ? "patch" : tap_is_vision(step->tap) ? "soft token" : "token";
    return json_pack("{s:s, s:I, s:I, s:I}", "of", tap_is_audio(step->tap) ? "frame" : of, "heads",
                     (json_int_t)at.heads, "positions", (json_int_t)at.positions, "inner", (json_int_t)at.inner);
}

static json_t *step_detail_json(const Lockstep *lockstep, int n, const Histogram *honest)
{
    const Grade *grade = lockstep_grade_so_far(lockstep);
    const Step *step = &grade->steps[n];
    const StepSums *sums = lockstep_sums(lockstep, n);
    int64_t tap_rows = 1;
    for (int i = 0; i < step->rank - 1; i++) tap_rows *= step->shape[i];
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "layout", layout_json(lockstep, step), "rows",
                     rows_json(sums, grade->class, tap_rows), "channels", channels_json(sums, grade->class), "elements",
                     elements_json(sums, grade->class, honest), "looks", looking_grid_json(step, sums));
}

json_t *report_detail_json(Lockstep *lockstep)
{
    const Grade *grade = lockstep_grade_so_far(lockstep);
    HonestPass pass = { lockstep, allocate_zeroed((size_t)grade->step_count + 1, sizeof *pass.honest) };
    json_t *detail = json_object();
    lockstep_visit_replay(lockstep, grade->class, visit_honest_row, &pass);
    for (int n = 0; n < grade->step_count; n++)
        if (!grade->steps[n].shape_differs && grade->steps[n].graded_rows > 0)
            json_object_set_new(detail, grade->steps[n].tap, step_detail_json(lockstep, n, &pass.honest[n]));
    free(pass.honest);
    return detail;
}

void report_add_detail(json_t *report, json_t *detail)
{
    size_t i;
    json_t *step;
    json_array_foreach(json_object_get(report, "steps"), i, step)
    {
        json_t *of = json_object_get(detail, json_string_value(json_object_get(step, "tap")));
        if (of) json_object_set(step, "detail", of);
    }
    json_decref(detail);
}
