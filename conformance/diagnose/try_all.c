/* try_all.c - a pass for each bug of the catalogue that a dry run does not rule out, several at once */
#include "diagnose/suspects.h"

#include <stdlib.h>
#include <string.h>

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
    matched_filter_set_plain(s->filter, s->base, subject_of_dry_run(dry, &s->search->trial.options));
    for (int i = 0; i < count; i++)
        foreseen[places[i]] = (Foreseen){ !dry_run_changes(dry, i), dry_run_touched(dry, i) };
    for (int i = 0; i < bug_count(); i++) s->search->passes -= foreseen[i].unexposed;
    dry_run_free(dry);
    free(places);
    free(bugs);
    return foreseen;
}

/* Dry runs have no other bug, and foresee nothing here. */
static Foreseen *set_plain_with_below(Suspects *s)
{
    if (!lockstep_visits_are_narrow(s->base)) return NULL;
    count_pass(s);
    matched_filter_set_plain(s->filter, s->base, subject_with_bugs(s->buggy, &s->search->trial.options));
    return NULL;
}

/* ---------------------------------------------------------------- passes */

typedef struct {
    const Suspects *suspects;
    const Foreseen *foreseen; /* of each bug; NULL: nobody looked */
    Suspect *tried;           /* of each bug; those that this case and dump do not show have no matches */
    ShardNumber of;           /* whose bugs are tried */
    int *owners;              /* of each bug */
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
    if (trials->owners[i] != trials->of.number || !may_show(trials, i)) return;
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

/* Bugs of one stage are beside each other and cost about the same: each goes to another shard than the one before. */
static void share_out(Trials *trials)
{
    int shown = 0, unseen = 0;
    for (int i = 0; i < bug_count(); i++)
        trials->owners[i] = (may_show(trials, i) ? shown++ : unseen++) % trials->of.count;
}

static Trials try_bugs(Suspects *s, ShardNumber of)
{
    Foreseen *foreseen = s->below.count > 0 ? set_plain_with_below(s) : foresee(s);
    size_t bugs = (size_t)bug_count() + 1;
    Trials trials = { .suspects = s,
                      .foreseen = foreseen,
                      .tried = allocate_zeroed(bugs, sizeof *trials.tried),
                      .of = of,
                      .owners = allocate_zeroed(bugs, sizeof *trials.owners) };
    share_out(&trials);
    if (!error_is_set(s->search->error)) side_by_side(s->base, bug_count(), try_bug, &trials);
    foreseen_free(foreseen);
    return trials;
}

static void trials_free(Trials *trials)
{
    free(trials->tried);
    free(trials->owners);
}

static void list(Suspects *s, const Suspect *suspect)
{
    if (suspect->matches)
        s->list[s->count++] = *suspect;
    else
        s->not_exposed[s->not_exposed_count++] = suspect->candidate.bug;
}

/* ---------------------------------------------------------------- shards */

Tried *suspects_try_share(Suspects *s, ShardNumber of)
{
    const Grade *grade = suspects_graded(s);
    Tried *tried = tried_new(grade->step_count);
    Trials trials = try_bugs(s, of);
    for (int n = 0; n < grade->step_count; n++) tried->taps[n] = arena_format(&tried->arena, "%s", grade->steps[n].tap);
    for (int i = 0; i < bug_count(); i++)
        tried->bugs[i] = (TriedBug){ .is_tried = trials.owners[i] == of.number,
                                     .remembers = trials.tried[i].remembers,
                                     .matches = trials.tried[i].matches };
    trials_free(&trials);
    return tried;
}

static void list_as_tried(Suspects *s, const Tried *tried)
{
    if (!tried_is_of(tried, suspects_graded(s))) {
        error_set(s->search->error, "found shards that tried bugs on other steps, expected those of this dump");
        return;
    }
    size_t size = (size_t)tried->step_count * sizeof(Match);
    Subject honest = subject_of(&s->search->trial);
    if (suspects_first_open(s) >= 0) matched_filter_set_plain(s->filter, s->base, honest); /* for those that follow */
    if (honest.close) honest.close(honest.self);
    for (int i = 0; i < bug_count(); i++) {
        Suspect suspect = { .candidate.bug = bug_at(i), .remembers = tried->bugs[i].remembers };
        const Match *matches = tried->bugs[i].matches;
        if (matches) suspect.matches = memcpy(allocate_zeroed(size + 1, 1), matches, size);
        if (matches) suspects_summarise(s, &suspect);
        list(s, &suspect);
    }
}

void suspects_try_all(Suspects *s)
{
    const Tried *tried = s->below.count > 0 ? NULL : s->search->trial.tried;
    if (tried) {
        list_as_tried(s, tried);
    } else {
        Trials trials = try_bugs(s, (ShardNumber){ 0, 1 });
        for (int i = 0; i < bug_count(); i++)
            if (!is_below(s, bug_at(i))) list(s, &trials.tried[i]);
        trials_free(&trials);
    }
    suspects_rank(s);
}
