/* bug_cases.h - cases for the catalogue: what each shows, and where */
#ifndef PLUMB_BUG_CASES_H
#define PLUMB_BUG_CASES_H

#include "backends.h"
#include "bugs/bug.h"

typedef struct {
    const char *text, *whole;              /* of a tiny model; whole NULL: text only. NULL both: folder */
    bool unified;                          /* whole is of a gemma4_unified model */
    const char *folder, *arrays, *resaved; /* configuration for the same weights, once they are written */
    const char *scaled[2];                 /* tensors whose first row is made very large */
    int tokens;
    Rounding rounding; /* of the pass; what shows in no pass without it needs one */
    InputCodes cache;  /* of keys and values */
    const char *shows; /* ids of the bugs that change anything */
} BugCase;

typedef struct {
    const char *model;
    Inputs inputs;
} OpenedCase;

extern const BugCase bug_cases[];
extern const int bug_case_count;

OpenedCase bug_case_open(const BugCase *c); /* in the test's folder; its inputs are to be closed */
bool bug_shows(const BugCase *c, const char *id);
bool bug_is_first_seen_at(const char *id, const char *tap); /* whether that is the first tap the bug changes */

#endif
