/* report_known.c - shapes, limits, reasons, and what each tap is */
#include "report/report_known.h"

#include <string.h>

#include "dump/tap_meaning.h"
#include "report/json_file.h"

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

/* null where nobody has said what the tap is */
static json_t *meaning_json(const char *tap, Family family)
{
    char place[160];
    const TapMeaning *meaning = tap_meaning(tap, family);
    if (!meaning) return json_null();
    return json_pack("{s:s, s:s}", "phrase", meaning->phrase, "hugging_face",
                     tap_meaning_place(meaning, family, place, sizeof place));
}

void report_add_known(json_t *report, const Grade *grade, const Dump *dump, const json_t *config)
{
    Family family = family_of(json_string_value(json_object_get(config, "model_type")));
    json_t *steps = json_object_get(report, "steps");
    for (int n = 0; n < grade->step_count; n++) {
        const Step *step = &grade->steps[n];
        json_object_update_new(json_array_get(steps, (size_t)n),
                               json_pack("{s:o, s:i, s:i, s:b, s:o, s:o, s:o}", "shape", shape_json(step), "samples",
                                         step->samples, "absent_before", step->absent, "of_inputs", step->of_inputs,
                                         "limits", limits_json(step, grade->class), "over",
                                         over_json(step, grade->class), "meaning", meaning_json(step->tap, family)));
    }
    json_object_set_new(report, "not_graded", absences_json(grade, dump));
}
