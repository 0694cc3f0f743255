/* explain.c - numbers gathered from the sums of a step */
#include "explain/explain.h"

#include <math.h>
#include <stdlib.h>

#include "noise/scales.h"
#include "dump/tap_name.h"

/* ---------------------------------------------------------------- the worst elements */

static void insert(StepExplained *e, ElementExplained element)
{
    int place = e->element_count;
    if (place == ELEMENTS_EXPLAINED && !(element.ratio > e->elements[place - 1].ratio)) return;
    if (place < ELEMENTS_EXPLAINED)
        e->element_count++;
    else
        place--;
    for (; place > 0 && element.ratio > e->elements[place - 1].ratio; place--)
        e->elements[place] = e->elements[place - 1];
    e->elements[place] = element;
}

static void find_elements(StepExplained *e, const StepSums *sums)
{
    int64_t width = sums->row_map.width;
    double *found = allocate_zeroed((size_t)width, sizeof *found);
    for (int64_t row = 0; row < row_map_rows(&sums->row_map); row++) {
        if (sums->row_norm[row] < 0) continue;
        step_sums_read_found(sums, row, found);
        for (int64_t j = 0; j < width; j++) {
            double error = sums->residual[row * width + j], expected = found[j] - error;
            double scale = sqrt(scale_of_element(sums, e->class, row, j, expected));
            int64_t index = row_map_tap_row(&sums->row_map, row) * width + j;
            double ratio = error == 0 ? 0 : fabs(error) / scale;
            insert(e, (ElementExplained){ index, found[j], expected, scale, ratio });
        }
    }
    free(found);
}

/* ---------------------------------------------------------------- the gates */

static int64_t dump_row(const StepSums *sums, int64_t tap_row) { return row_map_dump_row(&sums->row_map, tap_row); }

static void measure_error(StepExplained *e, const StepSums *sums, Gate gate)
{
    const Step *step = &e->step;
    GateExplained *of = &e->gates[gate];
    if (step->graded_rows == 0) return;
    if (gate == GATE_TAP) {
        of->error = sqrt(sums->difference);
        of->scale = sqrt(scale_of_tap(sums, e->class));
    } else if (gate == GATE_ROW) {
        of->error = sqrt(sums->row_difference[dump_row(sums, step->worst_row)]);
        of->scale = sqrt(scale_of_row(sums, e->class, dump_row(sums, step->worst_row)));
    } else if (gate == GATE_CHANNEL) {
        of->error = sqrt(sums->column_difference[step->worst_channel]);
        of->scale = sqrt(scale_of_channel(sums, e->class, step->worst_channel));
    } else if (gate == GATE_ELEMENT && e->element_count > 0) {
        of->error = fabs(e->elements[0].found - e->elements[0].expected);
        of->scale = e->elements[0].scale;
    }
}

static void open_gates(StepExplained *e, const StepSums *sums)
{
    Measurement measurement = step_measurement(&e->step);
    for (Gate gate = 0; gate < GATE_COUNT; gate++) {
        GateExplained *of = &e->gates[gate];
        *of = (GateExplained){ .measurement_at = measurement_at(&measurement, gate),
                               .limit = limit_of(e->class, &measurement, gate),
                               .error = NAN,
                               .scale = NAN };
        of->passed = of->measurement_at <= of->limit;
        measure_error(e, sums, gate);
    }
}

/* ---------------------------------------------------------------- */

static const double *relative_replays(const StepSums *sums, Arena *arena)
{
    double *relative = arena_allocate(arena, (size_t)(sums->samples + 1) * sizeof *relative);
    for (int i = 0; i < sums->samples; i++)
        relative[i] = sums->replays[i] == 0 ? 0 : sqrt(sums->replays[i] / sums->norm);
    return relative;
}

static StepExplained explain_step(const Lockstep *lockstep, const Model *model, int n, Arena *arena)
{
    const Grade *grade = lockstep_grade_so_far(lockstep);
    const StepSums *sums = lockstep_sums(lockstep, n);
    int before = n > 0 ? grade->steps[n - 1].absent : 0;
    StepExplained e = { .step = grade->steps[n],
                        .class = grade->class,
                        .begins_at = n > 0 ? grade->steps[n - 1].tap : NULL,
                        .passed = grade->not_graded ? grade->not_graded + before : NULL,
                        .passed_count = grade->steps[n].absent - before,
                        .replays = relative_replays(sums, arena),
                        .rounding = grade->class->output_rounding };
    if (!sums->is_choice) find_elements(&e, sums);
    open_gates(&e, sums);
    e.bound = rounding_bound_of(lockstep, model, n, arena);
    return e;
}

static bool is_explained(const char *const *globs, const char *tap)
{
    for (; *globs; globs++)
        if (tap_matches(*globs, tap)) return true;
    return false;
}

static void check_globs(const Grade *grade, const char *const *globs, Error *error)
{
    for (; *globs; globs++) {
        bool any = false, absent = false;
        for (int n = 0; n < grade->step_count; n++) any |= tap_matches(*globs, grade->steps[n].tap);
        for (int n = 0; n < grade->not_graded_count; n++) absent |= tap_matches(*globs, grade->not_graded[n]);
        if (any) continue;
        error_set(error, "--explain: found %s, %s, expected one of the %d taps that are graded, as %s", *globs,
                  absent ? "which the dump does not hold or --only leaves out" : "which is no tap of this case",
                  grade->step_count, grade->steps[0].tap);
    }
}

Explanation *explain(const Lockstep *lockstep, const Model *model, const char *const *globs, Error *error)
{
    const Grade *grade = lockstep_grade_so_far(lockstep);
    check_globs(grade, globs, error);
    if (error_is_set(error)) return NULL;
    Explanation *explanation = allocate_zeroed(1, sizeof *explanation);
    explanation->steps = allocate_zeroed((size_t)grade->step_count, sizeof *explanation->steps);
    for (int n = 0; n < grade->step_count; n++)
        if (is_explained(globs, grade->steps[n].tap))
            explanation->steps[explanation->step_count++] = explain_step(lockstep, model, n, &explanation->arena);
    return explanation;
}

void explanation_free(Explanation *explanation)
{
    if (!explanation) return;
    free(explanation->steps);
    arena_free(&explanation->arena);
    free(explanation);
}
