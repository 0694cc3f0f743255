/* naming.c - bugs named step by step, then on top of those that are named, and below the noise */
#include "diagnose/naming.h"

#include <stdlib.h>

#include "diagnose/step_naming.h"
#include "diagnose/step_reach.h"

enum { ASKED_ON_TOP = 2 }; /* steps that bugs on top of one that is not named are tried on */

/* The place of the bug that explains most of all steps together, so many standard deviations of it; -1 */
static int likeliest_over_all(const Suspects *s, double least_z)
{
    int best = -1;
    for (int i = 0; i < s->count; i++) {
        const Suspect *suspect = &s->list[i];
        if (suspect_is_the_bug(suspect) && suspect->candidate.z >= least_z &&
            (best < 0 || suspect->explained_power > s->list[best].explained_power))
            best = i;
    }
    return best;
}

static void name_alone(Diagnosis *d, const Suspects *s, int place)
{
    add_named(d, s->list[place].candidate.bug);
    list_equals(d, s, &s->list[place]);
}

/* Looks for the bug that a straight dump has below its noise. */
static void find_below_noise(Diagnosis *d, const Suspects *s)
{
    int best = likeliest_over_all(s, 0);
    if (best >= 0) name_alone(d, s, best);
}

static bool leaves_nothing_bent(const Suspects *s, const Suspect *suspect)
{
    for (int n = 0; n < suspects_graded(s)->step_count; n++)
        if (suspects_bent(s, n) && !suspect->straight[n]) return false;
    return true;
}

/* A bug may bend few steps, and these by so little that it is not plain there, but over all steps, most of which are
 * straight. */
static void find_over_all_steps(Diagnosis *d, Suspects *s)
{
    s->weighs_all = true;
    suspects_rank(s);
    int best = likeliest_over_all(s, EXPOSED);
    if (best >= 0) suspects_grade(s, &s->list[best]);
    if (best >= 0 && leaves_nothing_bent(s, &s->list[best])) {
        mark_explained(s, s->list[best].straight);
        name_alone(d, s, best);
        show_candidates(d, s);
    }
    s->weighs_all = false;
    suspects_rank(s);
}

/* ---------------------------------------------------------------- bugs on top of others */

/* Takes over what the bugs below, and those that were found on top of them, make straight. True where it is more than
 * before. */
static bool take_over(Suspects *s, const Suspects *top)
{
    bool is_more = false;
    for (int n = 0; n < suspects_graded(s)->step_count; n++) {
        if (!is_unexplained(s, n) || is_unexplained(top, n)) continue;
        s->covered[n] = is_more = true;
    }
    return is_more;
}

static void forget_named(Diagnosis *d, int count)
{
    while (d->named_count > count) {
        int last = --d->named_count;
        d->reaches[last] = NULL;
        d->strengths[last] = 1;
        d->with_others[last] = false;
    }
}

/* The bugs below are switched on, and those that this case shows are tried on top of them, in the steps that nothing
 * explains. What is named there stays where it explains more than before. */
static bool find_on_top(Diagnosis *d, Suspects *s, const Below *below)
{
    Suspects top = { 0 };
    bool is_more = false;
    int named = d->named_count;
    for (int i = 0; i < below->count; i++) add_named(d, below->bugs[i]);
    if (suspects_begin(&top, s->search, below) && suspects_graded(&top)->step_count == suspects_graded(s)->step_count) {
        for (int n = 0; n < suspects_graded(s)->step_count; n++) top.unexplained[n] = !is_unexplained(s, n);
        top.among = s;
        if (suspects_first_open(&top) >= 0) {
            suspects_try_all(&top);
            name_one_after_the_other(d, &top);
        }
        is_more = take_over(s, &top);
    }
    grade_free(suspects_end(&top));
    if (!is_more) forget_named(d, named);
    return is_more;
}

/* Bugs that are named, and are everywhere */
static Below whole_bugs(const Diagnosis *d)
{
    Below below = { .count = 0 };
    for (int i = 0; i < d->named_count && below.count < MOST_BELOW; i++)
        if (!d->reaches[i] && d->strengths[i] == 1) below.bugs[below.count++] = d->named[i];
    return below;
}

/* The bug that explains most of step n, though not all of it */
static const Bug *partial_cause(const Suspects *s, int n)
{
    double enough = 0.2 * matched_filter_residual(s->filter, n);
    for (int i = 0; i < s->count; i++) {
        const Match *match = &s->list[i].matches[n];
        if (match->product > enough && match_z(*match) >= SEEN) return s->list[i].candidate.bug;
    }
    return NULL;
}

/* Bugs that meet inside a step are more than their sum. Those that are named already come first; then the one that
 * explains most of a step that nothing explains, which is a name only where another is found on top of it. */
static void name_on_top(Diagnosis *d, Suspects *s)
{
    for (int before = 0; d->named_count > before && first_unexplained(s) >= 0;) {
        Below below = whole_bugs(d);
        before = d->named_count;
        if (below.count > 0 && below.count < MOST_BELOW) find_on_top(d, s, &below);
    }
    for (int n = 0, asked = 0; n < suspects_graded(s)->step_count && asked < ASKED_ON_TOP; n++) {
        const Bug *cause = is_unexplained(s, n) ? partial_cause(s, n) : NULL;
        asked += is_unexplained(s, n);
        if (cause) find_on_top(d, s, &(Below){ { cause }, 1 });
    }
}

/* Bugs that are named for whole steps may be in some of these alone. */
static void find_steps_that_have_them(Diagnosis *d, const Suspects *s)
{
    for (int i = 0; i < d->named_count; i++)
        for (int k = 0; k < s->count && !d->reaches[i] && d->strengths[i] == 1; k++)
            if (s->list[k].candidate.bug == d->named[i]) d->reaches[i] = step_reach(s, k, &d->arena);
}

void name_bugs(Diagnosis *d, Suspects *s)
{
    suspects_try_all(s);
    for (int i = 0; i < s->not_exposed_count; i++) d->not_exposed[d->not_exposed_count++] = s->not_exposed[i];
    if (suspects_graded(s)->first_bent >= 0) {
        name_one_after_the_other(d, s);
        name_on_top(d, s);
        if (d->named_count == 0) find_over_all_steps(d, s);
    } else {
        find_below_noise(d, s);
        show_candidates(d, s);
    }
    find_steps_that_have_them(d, s);
    d->complete = first_unexplained(s) < 0;
    for (int i = 0; d->complete && i < d->named_count; i++) d->with_others[i] = false;
}
