/* mustpass.h - the list of cases that a port has to pass, each with its files' SHA-256 and the taps that must be graded
 *
 * docs/submission.md has the format; fixtures/mustpass.json is the list of the fixtures.
 */
#ifndef PLUMB_MUSTPASS_H
#define PLUMB_MUSTPASS_H

#include <jansson.h>

#include "report/file_digest.h"
#include "run/arena.h"
#include "submission/statement.h"

typedef struct {
    json_t *json;
    char sha256[DIGEST_TEXT];
} Mustpass;

Mustpass mustpass_read(const char *path, Error *error);
void mustpass_free(Mustpass *list);
const char *mustpass_name(const Mustpass *list);

/* Sets error where the statement names a group or a case that is not in the list. */
void mustpass_check(const Mustpass *list, const Statement *statement, const char *path, Error *error);

/* Tries what the list asks of the trials. Their reports stand beside them; NULL: there is none.
 *
 *     [{"case", "class", "report", "dump_sha256", "outcome", "verdict": "pass" | "waived" | "fail", "because"}]
 *
 * Trials come in their order, then what is missing: each case of the groups, in each class of a trial. A waiver that
 * waives nothing is an error. */
json_t *mustpass_judge(const Mustpass *list, const Statement *statement, json_t *const *reports, Error *error);

/* "fail" if any of them fails, or there is none */
const char *results_verdict(const json_t *results);

/* "reports/e2b-text-bf16.json": the member of a package */
char *report_member(const SubmittedTrial *trial, Arena *arena);

#endif
