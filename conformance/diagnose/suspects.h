/* suspects.h - every bug of the catalogue tried on a dump, and ranked by what it explains of it
 *
 * A dump is in lockstep with a base: the honest reference, or one that has some bugs already, which every suspect then
 * has too. Each bug costs a pass.
 */
#ifndef PLUMB_SUSPECTS_H
#define PLUMB_SUSPECTS_H

#include "diagnose/diagnosis.h"
#include "diagnose/tried.h"
#include "readings/reading.h"

enum { MOST_CONFIRMED = 6 }; /* suspects that a bent step is graded with */
enum { MOST_BELOW = 4 };     /* bugs that a base has */

static const double EXPOSED = 12; /* a case exposes a bug where it shows so many standard deviations of it */

/* A trial, and the progress bar that all passes of its diagnosis share */
typedef struct {
    Trial trial;               /* by the readings that the dump follows, once the base has begun */
    Followed followed;         /* what these readings edited */
    const GradeOptions *shown; /* whose progress bar it is */
    Error *error;
    int pass, passes; /* of the bar: the base's, one for each bug that is tried, one for each that is confirmed */
} Search;

typedef struct {
    Candidate candidate;
    Match *matches;         /* of each step */
    double residual_left;   /* sum of (r - d)^2 over all steps, less the sum of r^2, which all suspects share */
    double absent_power;    /* of the steps that do not have it, though they would show it */
    double explained_power; /* the part of the sum of r^2 that it takes off, over the steps that are weighed */
    double z_needed;        /* the z from which on the report says that it is there */
    bool *straight;         /* of each step: whether it is with the bug; NULL until it is graded */
    bool remembers;         /* what it does in a layer may hang on what it saw in others */
} Suspect;

/* Bugs that a base has */
typedef struct {
    const Bug *bugs[MOST_BELOW];
    int count;
} Below;

typedef struct Suspects Suspects;
struct Suspects {
    Search *search;
    Below below;
    const Suspects *among; /* whose list alone is tried; NULL: the catalogue */
    BuggyModel *buggy;     /* the base's, which passes on other threads open models like; NULL */
    Lockstep *base;
    MatchedFilter *filter;
    bool weighs_all;   /* all steps are weighed, as of a straight dump; else those that are open */
    bool *covered;     /* of each step: bent, and straight with a bug that is named */
    bool *unexplained; /* of each step: bent, and straight with no bug that was tried */
    Suspect *list;     /* the likeliest first */
    int count;
    const Bug **not_exposed;
    int not_exposed_count;
};

/* Grades the dump by the honest model, or by one that has the bugs below (NULL: none); no suspect is listed yet. False
 * with the search's error set, or without it where bugs below cannot be in this model together. */
bool suspects_begin(Suspects *suspects, Search *search, const Below *below);
/* Lists those that the dump would show (try_all.c), as shards have found, where there are some */
void suspects_try_all(Suspects *suspects);
Tried *suspects_try_share(Suspects *suspects, ShardNumber of);   /* lists none */
void suspects_rank(Suspects *suspects);                          /* anew, by the steps that are still open */
void suspects_grade(const Suspects *suspects, Suspect *suspect); /* fills in straight */
/* Grades the dump with several of the list at once: which steps are straight then. The caller frees it. */
bool *suspects_grade_together(const Suspects *suspects, const int *places, int count);
/* Grades only some sequences of the batch, with one of the list or, where place is -1, by the base. The caller frees
 * it. */
bool *suspects_grade_sequences(const Suspects *suspects, int place, uint64_t sequences);
/* Grades the dump with one of the list in a part of the model. The caller frees it. */
bool *suspects_grade_part(const Suspects *suspects, int place, const BugPart *part);
/* One more pass: what the suspect changes of the step (matched_filter_differences) */
void suspects_differences(const Suspects *suspects, const Suspect *suspect, int step, float *difference);
/* The same of a suspect in a part of the model, and the sites that it changes. sites NULL: nobody asks */
typedef struct {
    int place; /* in the list */
    const BugPart *part;
    Sites *sites;
} SuspectPart;
void suspects_part_differences(const Suspects *suspects, SuspectPart of, int step, float *difference);
/* The sites that one of the list changes, in all layers: one more pass */
Sites suspects_sites(const Suspects *suspects, int place);
/* The matches of each step, of one of the list in a part of the model. The caller frees them. */
Match *suspects_part_matches(const Suspects *suspects, int place, const BugPart *part);
Grade *suspects_end(Suspects *suspects);  /* the base's; NULL if it never began */
Grade *suspects_drop(Suspects *suspects); /* the same, without the ends of a straight dump */

const Grade *suspects_graded(const Suspects *suspects); /* by the base */
bool suspects_bent(const Suspects *suspects, int step);
int suspects_first_open(const Suspects *suspects); /* bent, neither covered nor unexplained; -1 */
bool suspect_is_the_bug(const Suspect *suspect);
void suspects_summarise(const Suspects *suspects, Suspect *suspect); /* its candidate and sums, from its matches */
/* The model with the bug, and with those below; NULL where they do not fit the checkpoint */
BuggyModel *suspects_open(const Suspects *suspects, const Bug *bug, Model *model);

#endif
