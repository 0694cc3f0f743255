/* report_markdown.c - a table of reports, and of each that failed where and why */
#include <math.h>
#include <string.h>

#include "report/formats.h"

/* Names, paths and messages may hold what Markdown would read as markup. */
static void escaped(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (strchr("\\`*_{}[]<>#|~", *text)) putc('\\', out);
        putc((unsigned char)*text < ' ' ? ' ' : *text, out);
    }
}

static void number(FILE *out, double value)
{
    if (isnan(value))
        fprintf(out, " | -");
    else
        fprintf(out, " | %.3g", value);
}

static const char *word_of(const json_t *report)
{
    const char *outcome = text_of(report, "outcome");
    return strcmp(outcome, "pass") == 0      ? "PASS"
           : strcmp(outcome, "nothing") == 0 ? "NOTHING GRADED"
           : strcmp(outcome, "error") == 0   ? "ERROR"
                                             : "FAIL";
}

static void overview(FILE *out, const json_t *reports)
{
    size_t i;
    const json_t *report;
    fprintf(out, "| case and dump | class | verdict | |\n|---|---|---|---|\n");
    json_array_foreach(reports, i, report)
    {
        fprintf(out, "| ");
        escaped(out, report_title(report).text);
        fprintf(out, " | ");
        escaped(out, text_of(report, "class"));
        fprintf(out, " | **%s** | ", word_of(report));
        escaped(out, report_sentence(report).text);
        fprintf(out, " |\n");
    }
}

static void named_bugs(FILE *out, const json_t *report)
{
    const json_t *named = json_object_get(report, "all_named");
    for (size_t i = 0; i < json_array_size(named); i++) {
        const json_t *bug = json_object_get(json_object_get(report, "bugs"), text_at(named, i));
        fprintf(out, "\n- **");
        escaped(out, text_at(named, i));
        const char *reach = text_at(json_object_get(report, "reaches"), i);
        double strength = json_number_value(json_array_get(json_object_get(report, "strengths"), i));
        fprintf(out, "**%s", *reach ? ", " : "");
        escaped(out, reach);
        if (strength > 0 && strength != 1) fprintf(out, ", coefficient %.2f", strength);
        if (json_is_true(json_array_get(json_object_get(report, "with_others"), i)))
            fprintf(out, "; something else is bent there too");
        fprintf(out, ": ");
        escaped(out, text_of(bug, "mechanism"));
        fprintf(out, ". Source: ");
        escaped(out, text_of(bug, "source"));
        fprintf(out, "\n");
    }
    if (*text_of(report, "pattern")) {
        fprintf(out, "\nNo known bug explains it; the error looks like: ");
        escaped(out, text_of(report, "pattern"));
        fprintf(out, "\n");
    }
}

static void bent_steps(FILE *out, const json_t *report)
{
    enum { SHOWN = 40 };
    size_t i, shown = 0, bent = 0;
    const json_t *step;
    fprintf(out, "\n<details><summary>Bent steps</summary>\n\n"
                 "| step | introduced | honest | ratio | row | channel | element | over its limit |\n"
                 "|---|---|---|---|---|---|---|---|\n");
    json_array_foreach(json_object_get(report, "steps"), i, step)
    {
        if (strcmp(text_of(step, "verdict"), "fail") != 0 || bent++ >= SHOWN) continue;
        shown++;
        fprintf(out, "| ");
        escaped(out, text_of(step, "tap"));
        static const char *const keys[] = {
            "introduced", "honest", "ratio", "worst_row_ratio", "worst_channel_ratio", "worst_element_ratio"
        };
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) number(out, number_of(step, keys[k]));
        fprintf(out, " | ");
        escaped(out, step_sentence(step).text);
        fprintf(out, " |\n");
    }
    if (bent > shown) fprintf(out, "\n%zu more are bent.\n", bent - shown);
    fprintf(out, "\n</details>\n");
}

void report_markdown(FILE *out, const json_t *reports)
{
    size_t i, count = json_array_size(reports), failed = 0;
    const json_t *report;
    json_array_foreach(reports, i, report) failed += is_failure(report);
    fprintf(out, "# Plumbline: ");
    if (count == 1)
        fprintf(out, "%s\n\n", word_of(json_array_get(reports, 0)));
    else
        fprintf(out, "%zu of %zu reports failed\n\n", failed, count);
    overview(out, reports);
    json_array_foreach(reports, i, report)
    {
        if (!*text_of(report, "first_bent")) continue;
        fprintf(out, "\n## ");
        escaped(out, report_title(report).text);
        fprintf(out, "\n");
        named_bugs(out, report);
        bent_steps(out, report);
    }
}
