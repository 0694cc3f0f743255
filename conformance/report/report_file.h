/* report_file.h - the report as a file of its own: opened before the work, written whatever comes of it
 *
 *     ReportFile file = { .path = "report.json", .kind = "grade", .arguments = argv + 1, .strict = strict };
 *     report_file_open(&file, &error);
 *     report_file_say_files(&file, "dump", path, &error);
 *     report_file_close(&file, body, exit_status, &error);
 *
 * docs/report.schema.json says what is in it.
 */
#ifndef PLUMB_REPORT_FILE_H
#define PLUMB_REPORT_FILE_H

#include <jansson.h>

#include "run/error.h"
#include "run/output.h"

enum { REPORT_SCHEMA_VERSION = 1 };

typedef struct {
    const char *path; /* NULL: no report is wanted, and nothing below does anything; "-": stdout */
    const char *kind; /* "grade", "diagnose" */
    char **arguments; /* of the command, NULL-terminated */
    bool strict;
    char strict_failure[256]; /* what --strict does not let pass; "" */
    char **kept;              /* where the text of the report goes instead of to stdout; NULL: it does not */
    Output *output;           /* NULL: stdout */
    json_t *files;
} ReportFile;

json_t *report_program_json(void); /* this one, as each report names it */

void report_file_open(ReportFile *file, Error *error); /* an error where it cannot be written */
/* Says what is graded, and with what: a file or a folder (file_digest.h) */
void report_file_say_files(ReportFile *file, const char *role, const char *path, Error *error);
/* body: what was found, taken over; NULL where error is set, and then the report says the error. */
void report_file_close(ReportFile *file, json_t *body, int exit_status, Error *error);

#endif
