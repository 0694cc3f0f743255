/* report_html.c - page.html, with style, script and the reports in their places */
#include <stdlib.h>
#include <string.h>

#include "report/formats.h"

extern const char page_html[], page_css[], page_script[]; /* page.S */

static void escaped(FILE *out, const char *text)
{
    for (; *text; text++) {
        const char *entity = *text == '<'   ? "&lt;"
                             : *text == '>' ? "&gt;"
                             : *text == '&' ? "&amp;"
                             : *text == '"' ? "&quot;"
                                            : NULL;
        if (entity)
            fputs(entity, out);
        else
            putc(*text, out);
    }
}

static void title(FILE *out, const json_t *reports)
{
    size_t i, count = json_array_size(reports), failed = 0;
    const json_t *report;
    json_array_foreach(reports, i, report) failed += is_failure(report);
    if (count != 1) {
        fprintf(out, "%zu of %zu reports failed", failed, count);
        return;
    }
    const char *outcome = text_of(json_array_get(reports, 0), "outcome");
    escaped(out, strcmp(outcome, "pass") == 0 ? "PASS" : strcmp(outcome, "nothing") == 0 ? "NOTHING GRADED" : "FAIL");
    fprintf(out, "  ");
    escaped(out, report_title(json_array_get(reports, 0)).text);
}

static void sentence(FILE *out, const json_t *reports)
{
    size_t i;
    const json_t *report;
    json_array_foreach(reports, i, report)
    {
        escaped(out, report_title(report).text);
        fprintf(out, ": ");
        escaped(out, report_sentence(report).text);
        fprintf(out, ". ");
    }
}

static char *compact(const json_t *reports) { return json_dumps(reports, JSON_COMPACT | JSON_REAL_PRECISION(9)); }

/* The reports without the details of steps that pass, or without any */
static json_t *without_details(const json_t *reports, bool of_passed)
{
    json_t *copy = json_deep_copy(reports), *report, *step;
    size_t i, j;
    json_array_foreach(copy, i, report)
    {
        json_object_set_new(report, "detail_left_out", json_true());
        json_array_foreach(json_object_get(report, "steps"), j, step)
        {
            bool passed = strcmp(text_of(step, "verdict"), "pass") == 0;
            if (passed || !of_passed) json_object_del(step, "detail");
        }
    }
    return copy;
}

/* At most as much as a browser opens at once, where leaving details out makes it so */
static char *data_text(const json_t *reports)
{
    enum { MOST = 4000000 };
    char *text = compact(reports);
    for (int turn = 0; turn < 2 && text && strlen(text) > MOST; turn++) {
        json_t *less = without_details(reports, turn == 0);
        free(text);
        text = compact(less);
        json_decref(less);
    }
    return text;
}

/* JSON has < only within strings, and there it may not end the script that holds it. */
static void data(FILE *out, const json_t *reports)
{
    char *text = data_text(reports);
    for (const char *at = text; at && *at; at++) {
        if (*at == '<')
            fputs("\\u003c", out);
        else
            putc(*at, out);
    }
    free(text);
}

static void style(FILE *out, const json_t *reports)
{
    (void)reports;
    fputs(page_css, out);
}

static void script(FILE *out, const json_t *reports)
{
    (void)reports;
    fputs(page_script, out);
}

static const struct {
    const char *name;
    WriteReports *write;
} places[] = {
    { "{{title}}", title }, { "{{sentence}}", sentence }, { "{{style}}", style },
    { "{{data}}", data },   { "{{script}}", script },
};

void report_html(FILE *out, const json_t *reports)
{
    const char *rest = page_html;
    for (const char *at; (at = strstr(rest, "{{")); rest = strstr(at, "}}") + 2) {
        fwrite(rest, 1, (size_t)(at - rest), out);
        for (size_t i = 0; i < sizeof places / sizeof *places; i++)
            if (strncmp(at, places[i].name, strlen(places[i].name)) == 0) places[i].write(out, reports);
    }
    fputs(rest, out);
}
