/* report_rows.c - rows counted, and what passes because they are few */
#include "report/report_rows.h"

#include "report/json_file.h"

static void rows_text(FILE *out, const Step *step)
{
    fprintf(out, "%lld of %lld rows", (long long)step->rows, (long long)step->tap_rows);
}

void report_rows_of_step(FILE *out, const Step *step)
{
    if (!step_is_partial(step)) return;
    fprintf(out, "  ");
    rows_text(out, step);
}

static bool holds_less(const Step *a, const Step *b)
{
    return (double)a->rows * (double)b->tap_rows < (double)b->rows * (double)a->tap_rows;
}

void report_rows_of_dump(FILE *out, const Grade *grade)
{
    const Step *fewest = NULL;
    for (int n = 0; n < grade->step_count; n++) {
        const Step *step = &grade->steps[n];
        if (step_is_partial(step) && (!fewest || holds_less(step, fewest))) fewest = step;
    }
    if (!fewest) return;
    fprintf(out, ", %d of them in part (fewest: ", grade_partial_steps(grade));
    rows_text(out, fewest);
    fputc(')', out);
}

static double widening(const Grade *grade, const Step *step, Gate gate)
{
    Measurement measurement = step_measurement(step);
    return step->of_inputs || step->graded_rows == 0 ? 1 : widening_by_few_rows(grade->class, &measurement, gate);
}

void report_few_rows(FILE *out, const Grade *grade)
{
    int widened = 0, most = 0;
    for (int n = 0; n < grade->step_count; n++) {
        double times = widening(grade, &grade->steps[n], GATE_TAP);
        widened += times > 1;
        if (times > widening(grade, &grade->steps[most], GATE_TAP)) most = n;
    }
    if (widened == 0) return;
    const Step *step = &grade->steps[most];
    fprintf(out,
            "limits are wider at %d step%s of few rows, most at %s (%lld): %.2f times for ratio, %.2f for channel\n",
            widened, widened > 1 ? "s" : "", step->tap, (long long)step->graded_rows, widening(grade, step, GATE_TAP),
            widening(grade, step, GATE_CHANNEL));
}

json_t *rows_json(const Step *step, const ArithmeticClass *class)
{
    Measurement measurement = step_measurement(step);
    bool limited = !step->of_inputs && step->graded_rows > 0;
    return json_pack("{s:I, s:o, s:o}", "tap_rows", (json_int_t)(step->tap_rows ? step->tap_rows : step->rows),
                     "ratio_limit", limited ? number_json(limit_of(class, &measurement, GATE_TAP)) : json_null(),
                     "worst_channel_limit",
                     limited ? number_json(limit_of(class, &measurement, GATE_CHANNEL)) : json_null());
}
