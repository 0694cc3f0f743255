/* report_explanation.c - from the question to the proof */
#include "report/report_explanation.h"

#include <math.h>

#include "report/json_file.h"
#include "report/report_grade.h"
#include "dump/tap_name.h"

/* ---------------------------------------------------------------- text */

static void heading_text(FILE *out, const StepExplained *e)
{
    bool first = true;
    fprintf(out, "\n%s  %s", e->step.tap, verdict_name(e->step.verdict));
    for (Gate gate = 0; gate < GATE_COUNT; gate++) {
        if (e->gates[gate].passed) continue;
        fprintf(out, "%s %s", first ? ", beyond its limit:" : ",", gate_name(gate));
        first = false;
    }
    fputc('\n', out);
}

static void span_text(FILE *out, const StepExplained *e)
{
    enum { SHOWN = 4 };
    fprintf(out, "  from         %s", e->begins_at ? e->begins_at : "the inputs"); /* and what comes before */
    if (e->passed_count > 0)
        fprintf(out, ", through %d tap%s not graded:", e->passed_count, e->passed_count > 1 ? "s" : "");
    for (int i = 0; i < e->passed_count && i < SHOWN; i++) fprintf(out, "%s %s", i ? "," : "", e->passed[i]);
    fprintf(out, "%s\n", e->passed_count > SHOWN ? ", .." : "");
    fprintf(out, "  shape        %s; %lld of %lld rows graded\n", SHAPE_TEXT(e->step.rank, e->step.shape),
            (long long)e->step.graded_rows, (long long)e->step.rows);
}

static void noise_text(FILE *out, const StepExplained *e)
{
    if (tap_is_choice(e->step.tap)) {
        fprintf(out, "  a choice     numbers are names here, right or wrong\n");
        return;
    }
    fprintf(out, "  introduced   %.3e of the tap's norm\n", e->step.introduced);
    fprintf(out, "  honest       %.3e, never below %.3e, one rounding of the result as %s\n", e->step.honest,
            e->rounding, e->class->name);
    fprintf(out, "  by replay   ");
    for (int i = 0; i < e->step.samples; i++) fprintf(out, " %.3e%s", e->replays[i], i ? "" : " (nearest)");
    fputc('\n', out);
}

static const char *gate_place(char *text, size_t size, const Step *step, Gate gate)
{
    *text = '\0';
    if (gate == GATE_ROW && step->worst_row >= 0) return place_text(text, size, step, step->rank - 1, step->worst_row);
    if (gate == GATE_CHANNEL && step->worst_channel >= 0) snprintf(text, size, "%lld", (long long)step->worst_channel);
    if (gate == GATE_ELEMENT && step->worst_element >= 0)
        return place_text(text, size, step, step->rank, step->worst_element);
    return text;
}

static void gates_text(FILE *out, const StepExplained *e)
{
    fprintf(out, "  %-11s %9s %9s %11s %11s  %s\n", "gate", "measured", "limit", "error", "scale", "where");
    for (Gate gate = 0; gate < GATE_COUNT; gate++) {
        const GateExplained *of = &e->gates[gate];
        char place[64];
        gate_place(place, sizeof place, &e->step, gate);
        fprintf(out, "  %-11s %9.4g %9.4g", gate_name(gate), of->measurement_at, of->limit);
        if (isnan(of->error))
            fprintf(out, " %11s %11s", "-", "-");
        else
            fprintf(out, " %11.4g %11.4g", of->error, of->scale);
        fprintf(out, "%s%s%s\n", *place ? "  " : "", place, of->passed ? "" : "  beyond");
    }
    fprintf(out, "  biases of the replays: %.3g\n  limits of %s: %s\n", e->step.honest_bias, e->class->name,
            e->class->limits.reason);
}

static void elements_text(FILE *out, const StepExplained *e)
{
    if (e->element_count == 0) return;
    fprintf(out, "  %-20s %14s %14s %11s %9s\n", "worst elements", "found", "expected", "scale", "error");
    for (int i = 0; i < e->element_count; i++) {
        const ElementExplained *element = &e->elements[i];
        char place[64];
        fprintf(out, "  %-20s %14.9g %14.9g %11.4g %9.4g\n",
                place_text(place, sizeof place, &e->step, e->step.rank, element->index), element->found,
                element->expected, element->scale, element->ratio);
    }
}

static void bound_text(FILE *out, const StepExplained *e)
{
    const RoundingBound *b = &e->bound;
    char place[64];
    if (b->unproven) {
        fprintf(out, "  proven bound none: %s\n", b->unproven);
        return;
    }
    fprintf(out, "  proven bound %s\n", b->factors);
    fprintf(out, "               sums of K = %lld products, u = %.3g: gamma = Ku / (1 - Ku) = %.3g\n",
            (long long)b->terms, b->unit, (double)b->terms * b->unit / (1 - (double)b->terms * b->unit));
    fprintf(out, "               rounding of the factors %.3g, of the result %.3g\n", b->input_rounding,
            b->output_rounding);
    fprintf(out, "               assumes %s\n", b->assumes);
    place_text(place, sizeof place, &e->step, e->step.rank, b->element);
    if (b->beyond > 0)
        fprintf(out, "               %lld of %lld elements violate it; the farthest, %s, errs by %.4g, allowed %.4g\n",
                (long long)b->beyond, (long long)b->elements, place, b->error, b->allowed);
    else
        fprintf(out, "               none of %lld elements is beyond it; the nearest, %s, errs by %.4g, allowed %.4g\n",
                (long long)b->elements, place, b->error, b->allowed);
}

void report_explanation_text(FILE *out, const Explanation *explanation)
{
    for (int i = 0; i < explanation->step_count; i++) {
        const StepExplained *e = &explanation->steps[i];
        heading_text(out, e);
        span_text(out, e);
        noise_text(out, e);
        gates_text(out, e);
        elements_text(out, e);
        bound_text(out, e);
    }
}

/* ---------------------------------------------------------------- JSON */

static json_t *gates_json(const StepExplained *e)
{
    json_t *gates = json_object();
    for (Gate gate = 0; gate < GATE_COUNT; gate++) {
        const GateExplained *of = &e->gates[gate];
        json_object_set_new(gates, gate_name(gate),
                            json_pack("{s:o, s:o, s:b, s:o, s:o}", "measured", number_json(of->measurement_at), "limit",
                                      number_json(of->limit), "passed", of->passed, "error", number_json(of->error),
                                      "scale", number_json(of->scale)));
    }
    return gates;
}

static json_t *elements_json(const StepExplained *e)
{
    json_t *elements = json_array();
    for (int i = 0; i < e->element_count; i++) {
        const ElementExplained *element = &e->elements[i];
        json_array_append_new(elements,
                              json_pack("{s:o, s:o, s:o, s:o, s:o}", "index",
                                        place_json(&e->step, e->step.rank, element->index), "found",
                                        number_json(element->found), "expected", number_json(element->expected),
                                        "scale", number_json(element->scale), "ratio", number_json(element->ratio)));
    }
    return elements;
}

static json_t *bound_json(const StepExplained *e)
{
    const RoundingBound *b = &e->bound;
    if (b->unproven) return json_pack("{s:s}", "unproven", b->unproven);
    return json_pack("{s:s, s:s, s:I, s:f, s:f, s:f, s:I, s:I, s:o, s:o, s:o}", "factors", b->factors, "assumes",
                     b->assumes, "terms", (json_int_t)b->terms, "unit", b->unit, "input_rounding", b->input_rounding,
                     "output_rounding", b->output_rounding, "elements", (json_int_t)b->elements, "violating",
                     (json_int_t)b->beyond, "element", place_json(&e->step, e->step.rank, b->element), "error",
                     number_json(b->error), "allowed", number_json(b->allowed));
}

static json_t *replays_json(const StepExplained *e)
{
    json_t *replays = json_array();
    for (int i = 0; i < e->step.samples; i++) json_array_append_new(replays, number_json(e->replays[i]));
    return replays;
}

static json_t *passed_json(const StepExplained *e)
{
    json_t *passed = json_array();
    for (int i = 0; i < e->passed_count; i++) json_array_append_new(passed, json_string(e->passed[i]));
    return passed;
}

json_t *report_explanation_json(const Explanation *explanation)
{
    json_t *steps = json_array();
    for (int i = 0; i < explanation->step_count; i++) {
        const StepExplained *e = &explanation->steps[i];
        json_array_append_new(steps, json_pack("{s:s, s:s?, s:o, s:o, s:o, s:o, s:o, s:o}", "tap", e->step.tap, "from",
                                               e->begins_at, "through", passed_json(e), "replays", replays_json(e),
                                               "rounding", number_json(e->rounding), "gates", gates_json(e), "elements",
                                               elements_json(e), "bound", bound_json(e)));
    }
    return steps;
}
