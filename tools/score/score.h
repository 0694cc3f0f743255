/* score.h - how often the judge is right: what is measured, and what came out
 *
 * A job is one case in one class, of whole dumps or of layer outputs alone. Jobs do not depend on each other, so they
 * are shared out to as many runs of the program as there are shards (tools/shards/score.sh). Each job runs in a process
 * of its own, which leaves its results in memory that it shares.
 */
#ifndef PLUMB_SCORE_H
#define PLUMB_SCORE_H

#include <stdio.h>

#include "diagnose/diagnose.h"

enum { LAYERS, FULL, KINDS, CLASSES = 3, COMBINATIONS = CLASSES * KINDS, MESSAGE_SIZE = 160 };
extern const char *const kind_names[KINDS];
extern const char *class_of_score[CLASSES]; /* with --as the first is that one, and the only one measured */

/* Legal ways to compute the same, and to dump it */
enum { AS_IT_IS, SOME_TAPS, OTHER_TAPS, TWO_THREADS, WIDE_INSIDE, LAST_POSITIONS, VARIANTS };
extern const char *const variant_names[VARIANTS];

/* A bug in a job. Identical: the dump is the honest one's, so nobody could tell. Faint: it is not, but the bug's own
 * z would be too small. The other three are of exposed ones only. */
typedef struct {
    enum { IDENTICAL, FAINT, EXPOSED } shown;
    bool detected, located, named, with_rivals;
    char said[MESSAGE_SIZE]; /* where or what instead, of a miss */
} BugResult;

typedef struct {
    bool run, alarm;
    char said[MESSAGE_SIZE];
} HonestResult;

/* A bug in a part of a backend, or several bugs. Only those that bend a step of the dump count. */
enum { HALF_STRENGTH, ONE_LAYER, ONE_ROW, ONE_MODULE, TWO_BUGS, THREE_BUGS, MIXTURES, EACH_MIXTURE = 3 };
extern const char *const mixture_names[MIXTURES];
typedef struct {
    bool bent, located, named, reached;
    char what[MESSAGE_SIZE], said[MESSAGE_SIZE]; /* which bugs, and what the report names */
} MixtureResult;

typedef struct {
    const char *name, *folder;
    int class, kind;
    bool weakened; /* these are measured, and nothing else */
    MixtureResult mixtures[MIXTURES][EACH_MIXTURE];
    BugResult *bugs; /* bug_count() of them */
    HonestResult honest[VARIANTS];
    Error error;
} Job;

void score_job(Job *job, const char *scratch); /* scratch: a path for dumps, which is gone in the end */

/* ---------------------------------------------------------------- score_shard.c */

typedef struct {
    int number, count; /* number: from 0 on; it has each count-th of the jobs */
} ScoreShard;

void score_write_shard(const char *path, const Job *jobs, int count, ScoreShard of, Error *error);
void score_read_shards(char **paths, int path_count, Job *jobs, int count, Error *error); /* each job once, or error */

/* ---------------------------------------------------------------- score_sum.c */

/* These counts are of one job, or the sums of many. */
typedef struct {
    int exposed, detected, located, named, rivals, faint, honest, alarms;
} Score;

Score score_of(const Job *job);
Score score_of_all(const Job *jobs, int count, int class, int kind); /* of that class and kind; -1: of any */

bool score_is_of(const Bug *bug); /* some case must expose it: the page says which bugs none can */
/* Whether the figures reach what is asked of the judge; says on stderr which do not. */
bool score_reaches_targets(const Job *jobs, int count);
bool score_reaches_rates(const Job *jobs, int count); /* the same, but each bug may be exposed by none of these cases */
/* Whether the page's rows of these jobs claim no more than was measured now; says on stderr what differs. */
bool score_holds(const char *page, const Job *jobs, int count, Error *error);
void score_row_name(char *name, size_t size, const Job *job); /* what the job's row of the page begins with */

/* ---------------------------------------------------------------- score_page.c */

/* The page says what is measured, then counts by class, names the misses, counts by case, and says where each bug
 * shows. jobs must hold all of each case. */
void score_write(FILE *out, const Job *jobs, int count);
void score_print_misses(FILE *out, const Job *jobs, int count);  /* a line each */
void score_print_classes(FILE *out, const Job *jobs, int count); /* the counts by class, of those that were measured */

/* ---------------------------------------------------------------- score_weakened.c */

/* The page of bugs in parts, and of several. Rows of cases that have no job are kept from the page at path, if it is
 * there. */
void score_write_weakened(FILE *out, const char *path, const Job *jobs, int count);

#endif
