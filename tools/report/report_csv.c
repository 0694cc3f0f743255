/* report_csv.c - a table with a line for each step of each report */
#include <math.h>
#include <string.h>

#include "report/formats.h"

static const char *const of_report[] = { "case", "dump", "class", "outcome" };
static const char *const of_step[] = { "tap",
                                       "verdict",
                                       "introduced",
                                       "honest",
                                       "inherited",
                                       "total",
                                       "ratio",
                                       "worst_row_ratio",
                                       "worst_channel_ratio",
                                       "worst_element_ratio",
                                       "bias",
                                       "honest_bias",
                                       "rows",
                                       "tap_rows",
                                       "graded_rows",
                                       "non_finite",
                                       "note" };
enum { OF_REPORT = sizeof of_report / sizeof *of_report, OF_STEP = sizeof of_step / sizeof *of_step };

static void quoted(FILE *out, const char *text)
{
    bool plain = !text[strcspn(text, ",\"\r\n")];
    if (plain) {
        fputs(text, out);
        return;
    }
    putc('"', out);
    for (; *text; text++) {
        if (*text == '"') putc('"', out);
        putc(*text, out);
    }
    putc('"', out);
}

static void field(FILE *out, const json_t *object, const char *key, bool first)
{
    const json_t *value = json_object_get(object, key);
    if (!first) putc(',', out);
    if (json_is_integer(value))
        fprintf(out, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        fprintf(out, "%.6g", json_real_value(value));
    else
        quoted(out, text_of(object, key));
}

void report_csv(FILE *out, const json_t *reports)
{
    size_t i, j;
    const json_t *report, *step;
    for (int k = 0; k < OF_REPORT; k++) fprintf(out, "%s,", of_report[k]);
    for (int k = 0; k < OF_STEP; k++) fprintf(out, "%s%s", k ? "," : "", of_step[k]);
    fprintf(out, "\r\n");
    json_array_foreach(reports, i, report) json_array_foreach(json_object_get(report, "steps"), j, step)
    {
        for (int k = 0; k < OF_REPORT; k++) field(out, report, of_report[k], k == 0);
        for (int k = 0; k < OF_STEP; k++) field(out, step, of_step[k], false);
        fprintf(out, "\r\n");
    }
}
