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

/* JSON has < only within strings, and there it may not end the script that holds it. */
static void data(FILE *out, const json_t *reports)
{
    char *text = json_dumps(reports, JSON_COMPACT | JSON_REAL_PRECISION(9));
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
