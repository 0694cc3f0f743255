/* formats.h - what reports are turned into, from their JSON alone (docs/report.schema.json)
 *
 * reports: an array of them. The same reports give the same bytes.
 */
#ifndef PLUMB_FORMATS_H
#define PLUMB_FORMATS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

typedef void WriteReports(FILE *out, const json_t *reports);

WriteReports report_html;     /* a page of its own, without network */
WriteReports report_junit;    /* a test suite a report and module, a test case a step */
WriteReports report_sarif;    /* SARIF 2.1.0: rules are bugs, results are reports that failed */
WriteReports report_markdown; /* for the summary of a CI job */
WriteReports report_csv;      /* a line a step, RFC 4180 */

/* ---------------------------------------------------------------- what they share */

const char *text_of(const json_t *object, const char *key);      /* "" where there is no string */
const char *text_at(const json_t *array, size_t i);              /* the same of an element */
double number_of(const json_t *object, const char *key);         /* NaN where there is no number */
bool is_failure(const json_t *report);                           /* outcome fail or error */
const json_t *step_named(const json_t *report, const char *tap); /* NULL where there is none */

/* A report in few words: its case, "e2b-text", or what it is of where an error came before the case; the verdict as a
 * sentence. Both end in their buffer. */
typedef struct {
    char text[1024];
} Sentence;

Sentence report_title(const json_t *report);
Sentence report_sentence(const json_t *report);
Sentence step_sentence(const json_t *step); /* "ratio 2.31 (2), row 31.5 (8)": what is over its limit; or its note */

/* "model.layers.3" of a tap inside it, and otherwise what comes before the last dot, if there is one: how steps are
 * grouped */
Sentence module_of(const char *tap);

#endif
