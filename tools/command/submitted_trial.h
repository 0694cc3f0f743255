/* submitted_trial.h - one dump of a submission, graded as plumb grade grades it */
#ifndef PLUMB_SUBMITTED_TRIAL_H
#define PLUMB_SUBMITTED_TRIAL_H

#include <jansson.h>

#include "submission/manifest.h"

/* Surroundings are the options that plumb submit and plumb verify share. */
typedef struct {
    const char *cases;    /* the folder of cases; default: fixtures */
    const char *mustpass; /* default: mustpass.json in it */
    int threads;
} Surroundings;

extern const struct argp surroundings_argp; /* a child parser; its input is the Surroundings */

Mustpass surroundings_list(const Surroundings *here, Error *error);

/* The report on the trial's dump in the folder `dumps`; names is the path of its map, or NULL. NULL with error set. */
json_t *trial_grade(const SubmittedTrial *trial, const char *dumps, const char *names, const Surroundings *here,
                    Error *error);

/* A line for each result, and one at the end; the status is that of the verdict. */
int results_print(const json_t *results, const Statement *statement);

#endif
