/* fuzz_judge.c - the whole judge but for naming, on mutants of a dump
 *
 * The first byte says how it is judged, the others change the dump. One that passes must be finite, and its ratios must
 * be numbers. What costs several times as much as a grade of a prompt is asked for seldom: ten of the first byte's
 * sixteen upper halves ask for nothing.
 */
#include <stdio.h>
#include <stdlib.h>

#include "explain/explain.h"
#include "fuzz/fuzz.h"
#include "fuzz/fuzz_changes.h"
#include "readings/reading.h"
#include "report/report_explanation.h"
#include "report/report_grade.h"

static void check_grade(const Grade *grade)
{
    for (int n = 0; n < grade->step_count && grade->first_bent < 0; n++)
        if (grade->steps[n].non_finite || !(grade->steps[n].ratio >= 0)) abort();
}

static void report(const Grade *grade, const Explanation *explanation)
{
    static FILE *nowhere;
    if (!nowhere) nowhere = fopen("/dev/null", "w");
    report_text(nowhere, grade, (ReportTitle){ "case", "dump", 0 });
    json_decref(report_grade_json(grade, (ReportTitle){ "case", "dump", 0 }));
    if (!explanation) return;
    report_explanation_text(nowhere, explanation);
    json_decref(report_explanation_json(explanation));
}

static void grade(const Trial *trial, bool explains)
{
    static const char *const every[] = { "*", NULL };
    Error error = { "" };
    Followed followed;
    Lockstep *lockstep = readings_begin(trial, &followed, &error);
    if (lockstep && trial->options.with_total) lockstep = readings_measure_ends(lockstep, &followed);
    Explanation *explanation = lockstep && explains ? explain(lockstep, trial->model, every, &error) : NULL;
    Grade *grade = lockstep ? lockstep_end(lockstep) : NULL;
    followed_free(&followed);
    if (grade) check_grade(grade);
    if (grade) report(grade, explanation);
    explanation_free(explanation);
    grade_free(grade);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { TOTAL = 10, EXPLAINED, DECODED, DECODED_EXPLAINED, DECODED_TOTAL, AS_ANY_CLASS };
    static const char *const classes[] = { "bf16", "fp32", "fp16", "tf32" };
    if (size < 2) return -1;
    int asked = data[0] / 16;
    bool decoded = asked >= DECODED && asked <= DECODED_TOTAL;
    Dump *dump = fuzz_changed_dump(decoded, data + 1, size - 1);
    if (!dump) return 0;
    Trial trial = { .model = fuzz_tiny()->model,
                    .inputs = &fuzz_tiny()->inputs,
                    .dump = dump,
                    .class = class_find(classes[data[0] % 4]),
                    .as_declared = asked != AS_ANY_CLASS,
                    .options = { .samples = 1 + data[0] / 4 % 2,
                                 .ignore_eos = data[0] & 8,
                                 .with_total = asked == TOTAL || asked == DECODED_TOTAL } };
    grade(&trial, asked == EXPLAINED || asked == DECODED_EXPLAINED);
    dump_close(dump);
    return 0;
}
