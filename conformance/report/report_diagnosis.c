/* report_diagnosis.c - the name first, then the numbers that it rests on */
#include "report/report_diagnosis.h"

#include <jansson.h>
#include <math.h>

#include "diagnose/matched_filter.h"
#include "report/json_file.h"
#include "report/report_ends.h"
#include "report/report_rows.h"
#include "run/shown_text.h"

static const Candidate *candidate_of(const Diagnosis *d, const Bug *bug)
{
    for (int i = 0; i < d->candidate_count; i++)
        if (d->candidates[i].bug == bug) return &d->candidates[i];
    return NULL;
}

/* Whether the dump says that the bug is not there, and not only that something else is there too */
static bool candidate_is_refuted(const Diagnosis *d, int i)
{
    const Candidate *c = &d->candidates[i];
    return c->expected_z >= SEEN && !coefficient_is_one(c->coefficient, fmax(c->z, SEEN));
}

static void numbers_text(FILE *out, const Candidate *c)
{
    fprintf(out, "explains %.2f %% of the error; coefficient %.3f, z %.3g (%.3g for the bug itself), first at %s", //
            100 * c->explained, c->coefficient, c->z, c->expected_z, c->step ? c->step : "-");
}

static void strength_text(FILE *out, double strength)
{
    if (strength == 1) return;
    const char *how = fabs(strength - 0.5) < 0.02 ? "half of it" : strength < 1 ? "a part of it" : "more than it";
    fprintf(out, ", %s: coefficient %.2f", how, strength);
}

static void named_text(FILE *out, const Diagnosis *d, bool below_noise)
{
    for (int i = 0; i < d->named_count; i++) {
        const Bug *bug = d->named[i];
        const Candidate *c = candidate_of(d, bug);
        fprintf(out, "%s %s", i ? "  and" : below_noise ? "below the noise:" : "matches known bug", bug->id);
        if (d->reaches[i]) fprintf(out, ", %s", d->reaches[i]);
        strength_text(out, d->strengths[i]);
        if (d->with_others[i]) fprintf(out, "; something else is bent there too");
        fprintf(out, "\n      %s: %s\n", bug->stage, bug->mechanism);
        if (c) {
            /* the numbers are of the whole bug: where it is in a part alone, it foretells errors that are not there */
            fprintf(out, "      %s", d->reaches[i] && c->explained < 0.5 ? "in all parts at once it " : "");
            numbers_text(out, c);
            if (c->absent) fprintf(out, "; absent from %d of the %d steps it would affect", c->absent, c->steps);
            fputc('\n', out);
        }
        fprintf(out, "      %s\n", bug->source);
    }
    for (int i = 0; i < d->equal_count; i++)
        fprintf(out, "      this case cannot tell it from %s (%s)\n", d->equals[i]->id, d->equals[i]->mechanism);
}

void report_diagnosis_text(FILE *out, const Diagnosis *d, const Grade *grade, ReportTitle title)
{
    enum { SHOWN = 3 };
    bool bent = grade->first_bent >= 0;
    fprintf(out, "case %s   dump %s   diagnosed as %s   %d of %d taps present\n", SHOWN_TEXT(title.case_name),
            SHOWN_TEXT(title.dump_name), grade->declared->name, grade->step_count,
            grade->step_count + grade->not_graded_count);
    const Step *first = bent ? &grade->steps[grade->first_bent] : NULL;
    if (bent && first->shape_differs)
        fprintf(out, "FAIL  first bent step: %s, %s\n", first->tap, first->note);
    else if (bent)
        fprintf(out, "FAIL  first bent step: %s, ratio %.3g\n", first->tap, first->ratio);
    else if (grade_far_end(grade))
        report_far_end(out, grade);
    else {
        fprintf(out, "PASS  all %d steps are straight", grade->step_count);
        report_features(out, grade);
        report_rows_of_dump(out, grade);
        fputc('\n', out);
    }

    class_check_text(out, &d->check);
    report_readings(out, grade);
    if (grade->model_not_graded_because)
        fprintf(out, "nothing after the inputs was graded: %s\n", grade->model_not_graded_because);

    named_text(out, d, !bent);
    if (bent && d->named_count > 0 && d->unexplained)
        fprintf(out, "no known bug explains %s; its error looks like: %s\n", d->unexplained, d->pattern);
    if (bent && d->named_count == 0) fprintf(out, "no known bug explains it; the error looks like: %s\n", d->pattern);
    if (bent && d->named_count == 0)
        for (int i = 0; i < d->candidate_count && i < SHOWN && d->candidates[i].explained > 0.01; i++) {
            fprintf(out, candidate_is_refuted(d, i) ? "      not %s: it " : "      %s cannot be told from here: it ",
                    d->candidates[i].bug->id);
            numbers_text(out, &d->candidates[i]);
            fputc('\n', out);
        }
    if (!bent && d->named_count == 0)
        fprintf(out, "none of the %d bugs that this dump could reveal is present\n", d->candidate_count);
    fprintf(out, "%d bugs tried, %d of them not exposed by this case and dump%s\n",
            d->candidate_count + d->not_exposed_count, d->not_exposed_count,
            d->not_exposed_count ? " (--json lists them)" : "");
}

static json_t *ids(const Bug *const *bugs, int count)
{
    json_t *list = json_array();
    for (int i = 0; i < count; i++) json_array_append_new(list, json_string(bugs[i]->id));
    return list;
}

static json_t *reaches_json(const Diagnosis *d)
{
    json_t *list = json_array();
    for (int i = 0; i < d->named_count; i++)
        json_array_append_new(list, d->reaches[i] ? json_string(d->reaches[i]) : json_null());
    return list;
}

static json_t *strengths_json(const Diagnosis *d)
{
    json_t *list = json_array();
    for (int i = 0; i < d->named_count; i++) json_array_append_new(list, number_json(d->strengths[i]));
    return list;
}

static json_t *with_others_json(const Diagnosis *d)
{
    json_t *list = json_array();
    for (int i = 0; i < d->named_count; i++) json_array_append_new(list, json_boolean(d->with_others[i]));
    return list;
}

static json_t *candidate_json(const Candidate *c)
{
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:i, s:i, s:o, s:b}", "id", c->bug->id, "explained",
                     number_json(c->explained), "z", number_json(c->z), "coefficient", number_json(c->coefficient),
                     "expected_z", number_json(c->expected_z), "steps", c->steps, "absent", c->absent, "first_step",
                     c->step ? json_string(c->step) : json_null(), "confirmed", c->confirmed);
}

/* The catalogue on each bug that the diagnosis speaks of, by id */
static json_t *bugs_json(const Diagnosis *d)
{
    json_t *bugs = json_object();
    for (int i = 0; i < d->candidate_count + d->equal_count; i++) {
        const Bug *bug = i < d->candidate_count ? d->candidates[i].bug : d->equals[i - d->candidate_count];
        json_object_set_new(bugs, bug->id,
                            json_pack("{s:s, s:s, s:s, s:s}", "stage", bug->stage, "mechanism", bug->mechanism,
                                      "source", bug->source, "exposed_by", bug->exposed_by));
    }
    return bugs;
}

json_t *report_diagnosis_json(const Diagnosis *d, const Grade *grade)
{
    json_t *candidates = json_array();
    for (int i = 0; i < d->candidate_count; i++) json_array_append_new(candidates, candidate_json(&d->candidates[i]));
    const Bug *const *named = (const Bug *const *)d->named, *const *equals = (const Bug *const *)d->equals;
    return json_pack("{s:s?, s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:o, s:o, s:s?, s:s?, s:o}", "named",
                     d->named_count ? d->named[0]->id : NULL, "all_named", ids(named, d->named_count), "reaches",
                     reaches_json(d), "strengths", strengths_json(d), "with_others", with_others_json(d),
                     "cannot_tell_from", ids(equals, d->equal_count), "complete", d->complete, "below_noise",
                     d->named_count > 0 && grade->first_bent < 0, "candidates", candidates, "not_exposed",
                     ids((const Bug *const *)d->not_exposed, d->not_exposed_count), "unexplained", d->unexplained,
                     "pattern", d->pattern, "bugs", bugs_json(d));
}
