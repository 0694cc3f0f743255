/* score_case.h - a case in a class: dumps of backends that are made for it, and what the judge says of them */
#ifndef PLUMB_SCORE_CASE_H
#define PLUMB_SCORE_CASE_H

#include "score.h"

typedef struct {
    Job *job;
    const char *scratch;
    const ArithmeticClass *class;
    Model *model;
    const char *model_folder;
    Inputs inputs;
    Dump *honest;
} ScoredCase;

/* How a backend of the class computes and what it dumps */
typedef struct {
    BuggyModel *buggy; /* NULL: an honest one */
    Rounding results;
    uint32_t left_out; /* seed of the taps that are not dumped; 0: all are */
    int logits_to_keep;
} Backend;

uint32_t score_hash(const char *name, uint32_t seed);
Dump *score_dump(ScoredCase *scored, const Backend *backend); /* NULL with the job's error set */
bool score_is_same(const Dump *a, const Dump *b);
Trial score_trial(const ScoredCase *scored, const Dump *dump);
const Candidate *score_candidate(const Diagnosis *diagnosis, const Bug *bug); /* NULL: this case does not show it */

void score_mixtures(ScoredCase *scored); /* of the job: score_mixtures.c */

#endif
