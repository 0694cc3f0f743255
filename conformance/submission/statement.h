/* statement.h - submission.json: what a vendor says of a port, and which dumps prove it (docs/submission.md) */
#ifndef PLUMB_STATEMENT_H
#define PLUMB_STATEMENT_H

#include <jansson.h>
#include <stdbool.h>

#include "run/error.h"

/* Texts belong to the statement's JSON. */
typedef struct {
    const char *case_name, *class, *dump;
    const char *names; /* a name map; NULL: none */
} SubmittedTrial;

typedef struct {
    const char *case_name, *class, *reason;
    const char *tap; /* a glob; NULL: the trial as a whole, whether there is one or not */
} Waiver;

typedef struct {
    json_t *json;
    const json_t *groups; /* of the mustpass list, names */
    SubmittedTrial *trials;
    Waiver *waivers;
    int trial_count, waiver_count;
} Statement;

/* Takes json over, also with error set. path stands first in messages. */
Statement statement_of(json_t *json, const char *path, Error *error);
void statement_free(Statement *statement);

#endif
