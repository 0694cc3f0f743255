/* suspects.h - every bug of the catalogue tried on a dump, and ranked by what it explains of it
 *
 * A dump is in lockstep with a base: the honest reference, or one that has a bug already, which every suspect then has
 * too. Each bug costs a pass.
 */
#ifndef PLUMB_SUSPECTS_H
#define PLUMB_SUSPECTS_H

#include "diagnose/diagnose.h"
#include "diagnose/matched_filter.h"

enum { MOST_CONFIRMED = 6 }; /* suspects that a bent step is graded with */

/* Standard deviations from which a bug is said to be there */
#define SEEN 8.0

/* What a dump is diagnosed with. */
/* A trial, and the progress bar that all passes of its diagnosis share */
typedef struct {
    Trial trial;
    const GradeOptions *shown; /* whose progress bar it is */
    Error *error;
    int pass, passes; /* of the bar: the base's, one for each bug that is tried, one for each that is confirmed */
} Search;

typedef struct {
    Candidate public;
    Match *matches; /* of each step */
    double left;    /* sum of (r - d)^2 over all steps, less what all suspects have in it */
    double gain;    /* what it takes off the sum of r^2 over the steps that have their say */
    double seen;    /* the z from which it is said to be there */
    bool *straight; /* of each step, with the bug; NULL until it is graded */
} Suspect;

typedef struct {
    Search *search;
    const Bug *below; /* that the base has; NULL */
    Lockstep *base;
    MatchedFilter *filter;
    bool *covered; /* of each step: bent, and straight with a bug that is named */
    Suspect *list; /* the likeliest first */
    int count;
    const Bug **not_exposed;
    int not_exposed_count;
} Suspects;

/* The dump in lockstep with model, or with below; false with the scene's error set. No suspect is listed yet. */
bool suspects_begin(Suspects *suspects, Search *search, const Bug *below);
/* model: the honest one, where it is the base; NULL: each bug has to be given a pass */
void suspects_try_all(Suspects *suspects);
void suspects_rank(Suspects *suspects);                          /* anew, by the steps that are still open */
void suspects_grade(const Suspects *suspects, Suspect *suspect); /* fills in straight */
Grade *suspects_end(Suspects *suspects);                         /* the base's; NULL if it never began */

const Grade *suspects_graded(const Suspects *suspects); /* by the base */
bool suspects_bent(const Suspects *suspects, int step);
int suspects_first_open(const Suspects *suspects); /* bent, and not covered; -1 */
bool suspect_is_the_bug(const Suspect *suspect);

#endif
