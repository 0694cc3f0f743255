/* report_grade.c - in execution order, first divergence as the headline */
#include "report/report_grade.h"

#include <math.h>
#include <string.h>

#include "grade/features.h"
#include "readings/reading.h"
#include "report/json_file.h"
#include "report/report_ends.h"
#include "report/report_misfits.h"
#include "report/report_rows.h"
#include "report/report_steps.h"
#include "dump/tap_name.h"
#include "run/shown_text.h"

enum { NAMES_SHOWN = 6 };

static int64_t graded_rows(const Grade *grade)
{
    int64_t total = 0;
    for (int n = 0; n < grade->step_count; n++) total += grade->steps[n].graded_rows;
    return total;
}

const char *report_verdict(const Grade *grade)
{
    if (grade->first_bent >= 0 || grade_far_end(grade)) return "fail";
    return graded_rows(grade) > 0 ? "pass" : "none";
}

static void names_text(FILE *out, const char *what, const char **names, int count)
{
    if (count == 0) return;
    fprintf(out, "%s: ", what);
    if (count > NAMES_SHOWN)
        fprintf(out, "%d names (--json lists them)", count);
    else
        for (int i = 0; i < count; i++) fprintf(out, "%s%s", i ? ", " : "", SHOWN_TEXT(names[i]));
    fputc('\n', out);
}

/* "0.8 noise units": of the candidates' scores */
static double noise_units(const Tie *tie) { return tie->gap == 0 ? 0 : tie->gap / tie->noise; }

static void tie_text(FILE *out, const Tie *tie)
{
    fprintf(out, "tie  %s [%lld]: %s %lld for %lld, %.1f noise units apart\n", tie->tap, (long long)tie->row,
            tap_is_token(tie->tap) ? "token" : "expert", (long long)tie->found, (long long)tie->expected,
            noise_units(tie));
}

void report_features(FILE *out, const Grade *grade)
{
    const char *between = " with ";
    for (const FeatureName *f = features_all; f->name; f++) {
        if (!(grade->class->features & ~grade->declared->features & (unsigned)f->flag)) continue;
        fprintf(out, "%s%s", between, f->name);
        between = " and ";
    }
    if (grade->straightened > 0) fprintf(out, " (%d step%s)", grade->straightened, grade->straightened > 1 ? "s" : "");
}

void report_readings(FILE *out, const Grade *grade)
{
    for (const Reading *const *reading = readings; *reading; reading++)
        if (grade->readings & (*reading)->flag) fprintf(out, "%s\n", (*reading)->sentence);
    if (grade->first_bent < 0 || grade->class == grade->declared) return;
    fprintf(out, "graded as %s", grade->declared->name);
    report_features(out, grade);
    fputc('\n', out);
}

static json_t *readings_json(const Grade *grade)
{
    json_t *names = json_array();
    for (const Reading *const *reading = readings; *reading; reading++)
        if (grade->readings & (*reading)->flag) json_array_append_new(names, json_string((*reading)->name));
    return names;
}

static json_t *features_json(const Grade *grade)
{
    json_t *names = json_array();
    for (const FeatureName *f = features_all; f->name; f++)
        if (grade->class->features & (unsigned)f->flag) json_array_append_new(names, json_string(f->name));
    return names;
}

static void passed_text(FILE *out, const Grade *grade)
{
    fprintf(out, "PASS  all %d steps are straight as %s", grade->step_count, grade->declared->name);
    report_features(out, grade);
    if (grade->tie_count > 0) fprintf(out, ", %d choice%s tied", grade->tie_count, grade->tie_count > 1 ? "s" : "");
    report_rows_of_dump(out, grade);
    fputc('\n', out);
}

/* Which row, channel or element; nothing for what is of the whole tap */
static const char *worst_text(char *text, size_t size, const Step *step, Gate gate)
{
    char place[64];
    *text = '\0';
    if (gate == GATE_ROW)
        snprintf(text, size, " %s", place_text(place, sizeof place, step, step->rank - 1, step->worst_row));
    if (gate == GATE_CHANNEL) snprintf(text, size, " %lld", (long long)step->worst_channel);
    if (gate == GATE_ELEMENT)
        snprintf(text, size, " %s", place_text(place, sizeof place, step, step->rank, step->worst_element));
    return text;
}

/* "over its limit: ratio 2.31 (2), row [0, 3] 31.5 (8)" */
static void over_text(FILE *out, const Step *step, const ArithmeticClass *class)
{
    Measurement measurement = step_measurement(step);
    bool first = true;
    for (Gate gate = 0; gate < GATE_COUNT; gate++) {
        double found = measurement_at(&measurement, gate), limit = limit_of(class, &measurement, gate);
        if (found <= limit) continue;
        char place[80];
        fprintf(out, "%s%s%s %.3g (%.3g)", first ? "      over its limit: " : ", ", gate_name(gate),
                worst_text(place, sizeof place, step, gate), found, limit);
        first = false;
    }
    if (!first) fputc('\n', out);
}

static void bent_text(FILE *out, const Grade *grade)
{
    const Step *bent = &grade->steps[grade->first_bent];
    int after = grade->step_count - grade->first_bent - 1, straight = 0;
    for (int n = grade->first_bent + 1; n < grade->step_count; n++) straight += grade->steps[n].verdict == VERDICT_PASS;
    fprintf(out, "FAIL  first bent step: %s (steps before it: %d, all straight", bent->tap, grade->first_bent);
    if (after > 0) fprintf(out, "; after it: %d, %d of them straight on its output", after, straight);
    fprintf(out, ")\n");
    if (!bent->of_inputs) over_text(out, bent, grade->class);
    if (bent->worst_element >= 0)
        fprintf(out, "      worst element %s: found %.9g, expected %.9g\n",
                place_text((char[64]){ 0 }, 64, bent, bent->rank, bent->worst_element), bent->worst_found,
                bent->worst_expected);
}

void report_heads(FILE *out, const Grade *grade, ReportTitle title)
{
    fprintf(out, "case %s   dump %s   graded as %s   %d of %d taps present\n", SHOWN_TEXT(title.case_name),
            SHOWN_TEXT(title.dump_name), grade->declared->name, grade->step_count,
            grade->step_count + grade->not_graded_count);
    report_steps_heads(out, grade, title.columns);
}

void report_text(FILE *out, const Grade *grade, ReportTitle title)
{
    report_heads(out, grade, title);
    for (int n = 0; n < grade->step_count; n++) report_step(out, grade, n, title.columns);
    for (int n = 0; n < grade->tie_count; n++) tie_text(out, &grade->ties[n]);
    report_ends(out, grade, title.columns);

    names_text(out, "not graded, because the dump does not hold them or they were left out", grade->not_graded,
               grade->not_graded_count);
    report_misfits(out, grade);
    names_text(out, "in the dump, but no tap of this case", grade->unknown, grade->unknown_count);
    report_few_rows(out, grade);
    report_readings(out, grade);
    if (grade->model_not_graded_because)
        fprintf(out, "nothing after the inputs was graded: %s\n", grade->model_not_graded_because);
    if (grade->first_bent >= 0)
        bent_text(out, grade);
    else if (grade_far_end(grade))
        report_far_end(out, grade);
    else if (graded_rows(grade) > 0 && grade->incomplete_because)
        report_incomplete(out, grade);
    else if (graded_rows(grade) > 0)
        passed_text(out, grade);
    else
        fprintf(out, "NOTHING GRADED  the dump holds no row of an image or a text, only padding or nothing at all\n");
}

static json_t *step_json(const Step *step, const ArithmeticClass *class)
{
    json_t *element = json_null();
    if (step->worst_element >= 0)
        element = json_pack("{s:o, s:o, s:o}", "index", place_json(step, step->rank, step->worst_element), "found",
                            number_json(step->worst_found), "expected", number_json(step->worst_expected));
    json_t *json = json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:o, s:o, s:s, s:s*}", "tap",
        step->tap, "introduced", number_json(step->introduced), "honest", number_json(step->honest), "ratio",
        number_json(step->ratio), "worst_row", place_json(step, step->rank - 1, step->worst_row), "worst_row_ratio",
        number_json(step->worst_row_ratio), "worst_channel",
        step->worst_channel < 0 ? json_null() : json_integer(step->worst_channel), "worst_channel_ratio",
        number_json(step->worst_channel_ratio), "worst_element", element, "worst_element_ratio",
        number_json(step->worst_element_ratio), "bias", number_json(step->bias), "honest_bias",
        number_json(step->honest_bias), "rows", (json_int_t)step->rows, "graded_rows", (json_int_t)step->graded_rows,
        "non_finite", (json_int_t)step->non_finite, "inherited", number_json(step->inherited), "total",
        number_json(step->total), "verdict",
        !step_is_graded(step)           ? "none"
        : step->verdict == VERDICT_PASS ? "pass"
                                        : "fail",
        "note", step->note);
    json_object_update_new(json, rows_json(step, class));
    return json;
}

static json_t *tie_json(const Tie *tie)
{
    return json_pack("{s:s, s:I, s:I, s:I, s:o, s:o}", "tap", tie->tap, "row", (json_int_t)tie->row, "found",
                     (json_int_t)tie->found, "expected", (json_int_t)tie->expected, "gap", number_json(tie->gap),
                     "noise", number_json(tie->noise));
}

static json_t *names_json(const char **names, int count)
{
    json_t *list = json_array();
    for (int i = 0; i < count; i++) json_array_append_new(list, json_string(names[i]));
    return list;
}

static json_t *limits_json(const ArithmeticClass *class)
{
    const Limits *limits = &class->limits;
    return json_pack("{s:f, s:f, s:f, s:f, s:f, s:s}", "ratio", limits->ratio, "worst_row_ratio", limits->row,
                     "worst_channel_ratio", limits->channel, "worst_element_ratio", limits->element, "bias",
                     limits->bias, "reason", limits->reason);
}

json_t *report_grade_json(const Grade *grade, ReportTitle title)
{
    json_t *steps = json_array(), *ties = json_array();
    for (int n = 0; n < grade->step_count; n++) json_array_append_new(steps, step_json(&grade->steps[n], grade->class));
    for (int n = 0; n < grade->tie_count; n++) json_array_append_new(ties, tie_json(&grade->ties[n]));
    json_t *json = json_pack(
        "{s:o, s:o, s:s, s:o, s:s, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:s?}", "case", text_json(title.case_name),
        "dump", text_json(title.dump_name), "class", grade->declared->name, "features", features_json(grade),
        "vision_mask", grade->readings & READING_GOOGLE_MASKS ? "google" : "hf", "readings", readings_json(grade),
        "limits", limits_json(grade->class), "verdict", report_verdict(grade), "first_bent",
        grade->first_bent < 0 ? json_null() : json_string(grade->steps[grade->first_bent].tap), "steps", steps, "ties",
        ties, "not_graded", names_json(grade->not_graded, grade->not_graded_count), "unknown",
        names_json(grade->unknown, grade->unknown_count), "stopped", grade->model_not_graded_because);
    json_object_update_new(json, ends_json(grade));
    json_object_update_new(json, misfits_json(grade));
    return json;
}

void report_json(const char *path, const Grade *grade, ReportTitle title, Error *error)
{
    json_file_write(path, report_grade_json(grade, title), error);
}
