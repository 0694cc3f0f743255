/* report_junit.c - the XML that CI systems call JUnit's
 *
 *     testsuites > testsuite, one for each report and module > testcase, one for each step
 *
 * A step that could not be graded is skipped, and so is a tap that the dump does not hold.
 */
#include <string.h>

#include "report/formats.h"

static void attribute(FILE *out, const char *name, const char *value)
{
    fprintf(out, " %s=\"", name);
    for (; *value; value++) {
        unsigned char c = (unsigned char)*value;
        const char *entity = c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : c == '"' ? "&quot;" : NULL;
        if (entity)
            fputs(entity, out);
        else
            putc(c < ' ' ? ' ' : c, out); /* XML 1.0 has no control characters */
    }
    putc('"', out);
}

typedef struct {
    int tests, failures, errors, skipped;
} Counts;

typedef struct {
    FILE *out; /* NULL: cases are only counted */
    const json_t *report;
    const char *module;
    Counts counts;
} JunitSuite;

static void begin_case(const JunitSuite *suite, const char *name)
{
    Sentence title = report_title(suite->report);
    char class[2200];
    snprintf(class, sizeof class, "%s%s%s", title.text, *suite->module ? " " : "", suite->module);
    fprintf(suite->out, "    <testcase");
    attribute(suite->out, "name", name);
    attribute(suite->out, "classname", class);
    fprintf(suite->out, " time=\"0\"");
}

/* kind: "failure", "error", "skipped"; NULL for what passed */
static void test_case(JunitSuite *suite, const char *name, const char *kind, const char *message)
{
    suite->counts.tests++;
    suite->counts.failures += kind && strcmp(kind, "failure") == 0;
    suite->counts.errors += kind && strcmp(kind, "error") == 0;
    suite->counts.skipped += kind && strcmp(kind, "skipped") == 0;
    if (!suite->out) return;
    begin_case(suite, name);
    if (kind) {
        fprintf(suite->out, ">\n      <%s", kind);
        attribute(suite->out, "message", message);
        fprintf(suite->out, "/>\n    </testcase>\n");
    } else {
        fprintf(suite->out, "/>\n");
    }
}

static void failed_step(JunitSuite *suite, const json_t *step)
{
    const char *tap = text_of(step, "tap"), *named = text_of(suite->report, "named");
    char message[2200];
    bool first = strcmp(tap, text_of(suite->report, "first_bent")) == 0;
    snprintf(message, sizeof message, "%s%s%s%s", first ? "first bent step: " : "", step_sentence(step).text,
             first && *named ? "; matches known bug " : "", first ? named : "");
    test_case(suite, tap, "failure", message);
}

static void steps_of_module(JunitSuite *suite)
{
    size_t i;
    const json_t *step, *absence;
    json_array_foreach(json_object_get(suite->report, "steps"), i, step)
    {
        const char *tap = text_of(step, "tap"), *verdict = text_of(step, "verdict");
        if (strcmp(module_of(tap).text, suite->module) != 0) continue;
        if (strcmp(verdict, "fail") == 0)
            failed_step(suite, step);
        else
            test_case(suite, tap, strcmp(verdict, "none") == 0 ? "skipped" : NULL, "padding alone");
    }
    json_array_foreach(json_object_get(suite->report, "not_graded"), i, absence)
    {
        const char *tap = text_of(absence, "tap");
        if (strcmp(module_of(tap).text, suite->module) == 0)
            test_case(suite, tap, "skipped", text_of(absence, "because"));
    }
}

/* How far a part's output is off as a whole */
static void test_end(JunitSuite *suite, const json_t *end)
{
    char name[2200], message[256];
    bool failed = strcmp(text_of(end, "verdict"), "fail") == 0;
    snprintf(name, sizeof name, "end: %s", text_of(end, "tap"));
    snprintf(message, sizeof message, "off by %.3g, honest passes by %.3g: ratio %.3g (%.3g)", number_of(end, "total"),
             number_of(end, "honest"), number_of(end, "ratio"), number_of(end, "ratio_limit"));
    test_case(suite, name, failed ? "failure" : NULL, message);
}

/* Cases that are of no step: an error, and what --strict does not let pass */
static void whole_report(JunitSuite *suite)
{
    size_t i;
    const json_t *end;
    const char *outcome = text_of(suite->report, "outcome"), *strict = text_of(suite->report, "strict_failure");
    if (strcmp(outcome, "error") == 0) test_case(suite, "plumb", "error", text_of(suite->report, "error"));
    if (strcmp(outcome, "nothing") == 0) test_case(suite, "plumb", "skipped", "nothing could be graded");
    json_array_foreach(json_object_get(suite->report, "ends"), i, end) test_end(suite, end);
    if (*strict) test_case(suite, "--strict", "failure", strict);
}

static Counts write_suite(JunitSuite suite, FILE *out, void (*cases)(JunitSuite *))
{
    cases(&suite);
    Counts counts = suite.counts;
    if (!out || counts.tests == 0) return counts;
    char name[2200];
    snprintf(name, sizeof name, "%s%s%s", report_title(suite.report).text, *suite.module ? " " : "", suite.module);
    fprintf(out, "  <testsuite");
    attribute(out, "name", name);
    fprintf(out, " tests=\"%d\" failures=\"%d\" errors=\"%d\" skipped=\"%d\" time=\"0\">\n", counts.tests,
            counts.failures, counts.errors, counts.skipped);
    suite.out = out;
    cases(&suite);
    fprintf(out, "  </testsuite>\n");
    return counts;
}

static void add(Counts *sum, Counts counts)
{
    sum->tests += counts.tests;
    sum->failures += counts.failures;
    sum->errors += counts.errors;
    sum->skipped += counts.skipped;
}

/* Modules in the order in which their first step comes */
static json_t *modules_of(const json_t *report)
{
    static const char *const lists[] = { "steps", "not_graded" };
    json_t *modules = json_object();
    for (int l = 0; l < 2; l++) {
        size_t i;
        const json_t *entry;
        json_array_foreach(json_object_get(report, lists[l]), i, entry)
            json_object_set_new(modules, module_of(text_of(entry, "tap")).text, json_true());
    }
    return modules;
}

static Counts write_suites(FILE *out, const json_t *reports)
{
    Counts sum = { 0 };
    size_t i;
    const json_t *report;
    json_array_foreach(reports, i, report)
    {
        add(&sum, write_suite((JunitSuite){ .report = report, .module = "" }, out, whole_report));
        json_t *modules = modules_of(report), *yes;
        const char *module;
        json_object_foreach(modules, module, yes)
            add(&sum, write_suite((JunitSuite){ .report = report, .module = module }, out, steps_of_module));
        json_decref(modules);
    }
    return sum;
}

void report_junit(FILE *out, const json_t *reports)
{
    Counts sum = write_suites(NULL, reports);
    fprintf(out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"plumb\" tests=\"%d\" failures=\"%d\" "
            "errors=\"%d\" time=\"0\">\n",
            sum.tests, sum.failures, sum.errors);
    write_suites(out, reports);
    fprintf(out, "</testsuites>\n");
}
