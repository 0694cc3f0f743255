/* try_all.c - a pass for each bug of the catalogue that a dry run does not rule out, several at once */
#include "diagnose/suspects.h"

#include <stdlib.h>

#include "lockstep/side_by_side.h"
#include "readings/subjects.h"

static void count_pass(const Suspects *s) { __atomic_fetch_add(&s->search->pass, 1, __ATOMIC_RELAXED); }

/* ---------------------------------------------------------------- the dry run */

/* One dry run of all bugs that are hooks alone. It is the pass that others are compared with, too. */
static Foreseen *foresee(Suspects *s)
{
    Foreseen *foreseen = allocate_zeroed((size_t)bug_count() + 1, sizeof *foreseen);
    const Bug **bugs = allocate_zeroed((size_t)bug_count() + 1, sizeof *bugs);
    int *places = allocate_zeroed((size_t)bug_count() + 1, sizeof *places), count = 0;
    for (int i = 0; i < bug_count(); i++) {
        foreseen[i].touched.all = touches_layers(bug_at(i));
        if (!dry_run_is_enough_for(bug_at(i))) continue;
        places[count] = i;
        bugs[count++] = bug_at(i);
    }
    DryRun *dry = dry_run_new(lockstep_model(s->base), bugs, count);
    count_pass(s);
    lockstep_remember(s->base, subject_of_dry_run(dry, &s->search->trial.options));
    for (int i = 0; i < count; i++)
        foreseen[places[i]] = (Foreseen){ !dry_run_changes(dry, i), dry_run_touched(dry, i) };
    for (int i = 0; i < bug_count(); i++) s->search->passes -= foreseen[i].unexposed;
    dry_run_free(dry);
    free(places);
    free(bugs);
    return foreseen;
}

/* ---------------------------------------------------------------- passes */

typedef struct {
    const Suspects *suspects;
    const Foreseen *foreseen; /* of each bug; NULL: nobody looked */
    Suspect *tried;           /* of each bug; those that this case and dump do not show have no matches */
} Trials;

static bool is_below(const Suspects *s, const Bug *bug)
{
    for (int i = 0; i < s->below.count; i++)
        if (s->below.bugs[i] == bug) return true;
    return false;
}

static bool is_asked(const Suspects *s, const Bug *bug)
{
    bool among = !s->among;
    for (int i = 0; s->among && i < s->among->count; i++) among |= s->among->list[i].candidate.bug == bug;
    return among && !is_below(s, bug);
}

static bool may_show(const Trials *trials, int i)
{
    bool unexposed = trials->foreseen && trials->foreseen[i].unexposed;
    return bug_is_of_model(bug_at(i)) && is_asked(trials->suspects, bug_at(i)) && !unexposed;
}

static void try_bug(void *context, Lockstep *base, int i)
{
    const Trials *trials = context;
    const Suspects *s = trials->suspects;
    const Search *search = s->search;
    Suspect *suspect = &trials->tried[i];
    suspect->candidate.bug = bug_at(i);
    if (!may_show(trials, i)) return;
    suspect->remembers = bug_at(i)->tap && (!trials->foreseen || trials->foreseen[i].touched.all);
    suspect->matches = allocate_zeroed((size_t)suspects_graded(s)->step_count + 1, sizeof *suspect->matches);
    BuggyModel *buggy = suspects_open(s, bug_at(i), lockstep_model(base));
    count_pass(s);
    if (buggy) buggy_model_set_touched(buggy, trials->foreseen ? &trials->foreseen[i].touched : NULL);
    if (buggy && (s->below.count > 0 || !buggy_model_is_honest(buggy, search->trial.inputs)))
        matched_filter_match(s->filter, base, subject_with_bugs(buggy, &search->trial.options), suspect->matches);
    buggy_model_close(buggy);
    suspects_summarise(s, suspect);
    if (suspect->candidate.expected_z >= EXPOSED) return;
    free(suspect->matches);
    suspect->matches = NULL;
}

void suspects_try_all(Suspects *s)
{
    Foreseen *foreseen = s->below.count > 0 ? NULL : foresee(s); /* dry runs have no other bug */
    Trials trials = { s, foreseen, allocate_zeroed((size_t)bug_count() + 1, sizeof *trials.tried) };
    if (!error_is_set(s->search->error)) side_by_side(s->base, bug_count(), try_bug, &trials);
    for (int i = 0; i < bug_count(); i++) {
        if (is_below(s, bug_at(i))) continue;
        if (trials.tried[i].matches)
            s->list[s->count++] = trials.tried[i];
        else
            s->not_exposed[s->not_exposed_count++] = bug_at(i);
    }
    free(trials.tried);
    foreseen_free(foreseen);
    suspects_rank(s);
}
