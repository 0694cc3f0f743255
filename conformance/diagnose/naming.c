/* naming.c - bugs named step by step, or below the noise, and where each of them is */
#include "diagnose/naming.h"

#include "diagnose/step_naming.h"
#include "diagnose/step_reach.h"

/* Looks for the bug that a straight dump has below its noise. */
static void find_below_noise(Diagnosis *d, const Suspects *s)
{
    int best = -1;
    for (int i = 0; i < s->count; i++) {
        const Suspect *suspect = &s->list[i];
        if (suspect_is_the_bug(suspect) && (best < 0 || suspect->explained_power > s->list[best].explained_power))
            best = i;
    }
    if (best < 0) return;
    add_named(d, s->list[best].candidate.bug);
    list_equals(d, s, &s->list[best]);
}

/* Bugs that are named for whole steps may be in some of these alone. */
static void find_steps_that_have_them(Diagnosis *d, const Suspects *s)
{
    for (int i = 0; i < d->named_count; i++)
        for (int k = 0; k < s->count && !d->reaches[i] && d->strengths[i] == 1; k++)
            if (s->list[k].candidate.bug == d->named[i]) d->reaches[i] = step_reach(s, &s->list[k], &d->arena);
}

void name_bugs(Diagnosis *d, Suspects *s)
{
    suspects_try_all(s);
    for (int i = 0; i < s->not_exposed_count; i++) d->not_exposed[d->not_exposed_count++] = s->not_exposed[i];
    if (suspects_graded(s)->first_bent >= 0) {
        name_one_after_the_other(d, s);
    } else {
        find_below_noise(d, s);
        show_candidates(d, s);
    }
    find_steps_that_have_them(d, s);
    d->complete = first_unexplained(s) < 0;
}
