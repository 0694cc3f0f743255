/* report_known.c - shapes, limits, reasons; rows, channels and elements on request */
#include "report/report_known.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "noise/scales.h"
#include "report/json_file.h"
#include "run/arena.h"

/* ---------------------------------------------------------------- of every step */

static json_t *shape_json(const Step *step)
{
    json_t *shape = json_array();
    for (int i = 0; i < step->rank; i++) json_array_append_new(shape, json_integer(step->shape[i]));
    return shape;
}

/* Limits of inputs are of other kinds: their note says what was found. */
static json_t *limits_json(const Step *step, const ArithmeticClass *class)
{
    if (step->of_inputs || step->shape_differs) return json_null();
    json_t *limits = json_object();
    Measurement measurement = step_measurement(step);
    for (Gate gate = 0; gate < GATE_COUNT; gate++)
        json_object_set_new(limits, gate_name(gate), number_json(limit_of(class, &measurement, gate)));
    return limits;
}

static json_t *over_json(const Step *step, const ArithmeticClass *class)
{
    json_t *over = json_array();
    Measurement measurement = step_measurement(step);
    if (step->verdict == VERDICT_PASS || step->of_inputs || step->shape_differs) return over;
    for (Gate gate = 0; gate < GATE_COUNT; gate++)
        if (!(measurement_at(&measurement, gate) <= limit_of(class, &measurement, gate)))
            json_array_append_new(over, json_string(gate_name(gate)));
    return over;
}

static bool is_misfit(const Grade *grade, const char *tap)
{
    for (int i = 0; i < grade->misfit_count; i++)
        if (strcmp(grade->misfits[i].tap, tap) == 0) return true;
    return false;
}

static json_t *absences_json(const Grade *grade, const Dump *dump)
{
    json_t *absences = json_array();
    for (int i = 0; i < grade->not_graded_count; i++) {
        const char *tap = grade->not_graded[i];
        bool held = dump && dump_find(dump, tap);
        const char *because = is_misfit(grade, tap) ? "another shape" : held ? "left out" : "missing";
        json_array_append_new(absences, json_pack("{s:s, s:s}", "tap", tap, "because", because));
    }
    return absences;
}

void report_add_known(json_t *report, const Grade *grade, const Dump *dump)
{
    json_t *steps = json_object_get(report, "steps");
    for (int n = 0; n < grade->step_count; n++) {
        const Step *step = &grade->steps[n];
        json_object_update_new(json_array_get(steps, (size_t)n),
                               json_pack("{s:o, s:i, s:i, s:b, s:o, s:o}", "shape", shape_json(step), "samples",
                                         step->samples, "absent_before", step->absent, "of_inputs", step->of_inputs,
                                         "limits", limits_json(step, grade->class), "over",
                                         over_json(step, grade->class)));
    }
    json_object_set_new(report, "not_graded", absences_json(grade, dump));
}

/* ---------------------------------------------------------------- on request */

/* Bins of 0.2 around 0, and the last one on either side holds what is farther out. */
enum { BINS = 61 };
static const double BIN_WIDTH = 0.2;

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

static json_t *elements_json(const StepSums *sums, const ArithmeticClass *class)
{
    json_int_t counts[BINS] = { 0 }, unlike = 0;
    int64_t width = sums->row_map.width;
    for (int64_t row = 0; row < row_map_rows(&sums->row_map); row++)
        for (int64_t j = 0; sums->row_norm[row] >= 0 && j < width; j++) {
            double residual = sums->residual[row * width + j];
            double noise = noise_of_element(sums, class, row, j, step_sums_expected(sums, row * width + j));
            double units = residual == 0 ? 0 : residual / sqrt(noise);
            if (isnan(units))
                unlike++;
            else
                counts[bin_of(units)]++;
        }
    json_t *list = json_array();
    for (int i = 0; i < BINS; i++) json_array_append_new(list, json_integer(counts[i]));
    return json_pack("{s:f, s:o, s:I}", "bin_width", BIN_WIDTH, "counts", list, "not_finite", unlike);
}

json_t *report_detail_json(const Lockstep *lockstep)
{
    const Grade *grade = lockstep_grade_so_far(lockstep);
    json_t *detail = json_object();
    for (int n = 0; n < grade->step_count; n++) {
        const Step *step = &grade->steps[n];
        const StepSums *sums = lockstep_sums(lockstep, n);
        if (step->shape_differs || step->graded_rows == 0) continue;
        int64_t tap_rows = 1;
        for (int i = 0; i < step->rank - 1; i++) tap_rows *= step->shape[i];
        json_object_set_new(detail, step->tap,
                            json_pack("{s:o, s:o, s:o}", "rows", rows_json(sums, grade->class, tap_rows), "channels",
                                      channels_json(sums, grade->class), "elements",
                                      sums->is_choice ? json_null() : elements_json(sums, grade->class)));
    }
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
