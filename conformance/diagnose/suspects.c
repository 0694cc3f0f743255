/* suspects.c - the matched filter for every bug */
#include "diagnose/suspects.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "readings/reading.h"
#include "readings/subjects.h"
#include "diagnose/step_layers.h"

/* In standard deviations: from there on a step stands out alone */
static const double STANDS_OUT = 5;

const Grade *suspects_graded(const Suspects *s) { return lockstep_grade_so_far(s->base); }
bool suspects_bent(const Suspects *s, int n) { return suspects_graded(s)->steps[n].verdict != VERDICT_PASS; }
static bool is_open(const Suspects *s, int n) { return suspects_bent(s, n) && !s->covered[n] && !s->unexplained[n]; }

int suspects_first_open(const Suspects *s)
{
    for (int n = 0; n < suspects_graded(s)->step_count; n++)
        if (is_open(s, n)) return n;
    return -1;
}

/* ---------------------------------------------------------------- passes */

static void show_progress(void *context, int pass, int passes, const char *tap)
{
    const Search *search = context;
    const GradeOptions *shown = search->shown;
    int now = __atomic_load_n(&search->pass, __ATOMIC_RELAXED);
    int at = now < search->passes ? now : search->passes - 1; /* pairs take more than was foreseen */
    (void)pass, (void)passes;
    if (shown->progress) shown->progress(shown->progress_context, at, search->passes, tap);
}

/* Those below come first, then `count` more. The caller frees the list. */
static const Bug **list_with_below(const Suspects *s, const Bug *const *more, int count)
{
    const Bug **bugs = allocate_zeroed((size_t)(s->below.count + count) + 1, sizeof *bugs);
    for (int i = 0; i < s->below.count; i++) bugs[i] = s->below.bugs[i];
    for (int i = 0; i < count; i++) bugs[s->below.count + i] = more[i];
    return bugs;
}

static BuggyModel *open_several(const Suspects *s, const Bug *const *more, int count, Model *model)
{
    Error unfit = { "" };
    const Bug **bugs = list_with_below(s, more, count);
    BuggyModel *buggy = buggy_model_of(model, bugs, s->below.count + count, &unfit);
    free(bugs);
    return buggy;
}

BuggyModel *suspects_open(const Suspects *s, const Bug *bug, Model *model) { return open_several(s, &bug, 1, model); }

static BuggyModel *open_with(const Suspects *s, const Bug *bug)
{
    return suspects_open(s, bug, s->search->trial.model);
}

static BuggyModel *open_in_part(const Suspects *s, const Bug *bug, const BugPart *part)
{
    Error unfit = { "" };
    const Bug **bugs = list_with_below(s, &bug, 1);
    BuggyModel *buggy = buggy_model_in_part(s->search->trial.model, bugs, s->below.count + 1, part, &unfit);
    free(bugs);
    return buggy;
}

bool suspects_begin(Suspects *s, Search *search, const Below *below)
{
    Trial *trial = &search->trial;
    Error unfit = { "" }; /* of bugs below that cannot be together, which is no error of the diagnosis */
    *s = (Suspects){ .search = search, .below = below ? *below : (Below){ .count = 0 } };
    trial->options.progress = show_progress;
    trial->options.progress_context = search;
    if (below) s->buggy = buggy_model_of(trial->model, below->bugs, below->count, &unfit);
    if (below && !s->buggy) return false;
    search->pass = 0;
    search->passes = 1 + 1 + bug_count() + MOST_CONFIRMED;
    s->base = below ? lockstep_begin(trial, subject_with_bugs(s->buggy, &trial->options), &unfit)
                    : readings_begin(trial, &search->followed, search->error);
    if (!below) *trial = search->followed.trial;
    if (!s->base) return false;
    s->filter = matched_filter_new(s->base, trial->class);

    size_t bugs = (size_t)bug_count() + 1;
    s->covered = allocate_zeroed((size_t)suspects_graded(s)->step_count + 1, sizeof *s->covered);
    s->unexplained = allocate_zeroed((size_t)suspects_graded(s)->step_count + 1, sizeof *s->unexplained);
    s->list = allocate_zeroed(bugs, sizeof *s->list);
    s->not_exposed = allocate_zeroed(bugs, sizeof *s->not_exposed);
    return true;
}

Grade *suspects_drop(Suspects *s)
{
    for (int i = 0; i < s->count; i++) {
        free(s->list[i].matches);
        free(s->list[i].straight);
    }
    free(s->list);
    free(s->covered);
    free(s->unexplained);
    free(s->not_exposed);
    matched_filter_free(s->filter);
    Grade *grade = s->base ? lockstep_end(s->base) : NULL;
    buggy_model_close(s->buggy);
    return grade;
}

Grade *suspects_end(Suspects *s)
{
    bool is_honest_base = s->base && s->below.count == 0;
    bool is_verdict = is_honest_base && suspects_graded(s)->first_bent < 0; /* all of the dump is straight */
    if (is_verdict) s->base = readings_measure_ends(s->base, &s->search->followed);
    return suspects_drop(s);
}

/* Which steps are straight by the subject */
static bool *steps_straight(const Suspects *s, const Trial *trial, Subject subject)
{
    Error apart = { "" };
    int steps = suspects_graded(s)->step_count;
    bool *straight = allocate_zeroed((size_t)steps + 1, sizeof *straight);
    s->search->pass++;
    Lockstep *by = lockstep_begin(trial, subject, &apart);
    Grade *grade = by ? lockstep_end(by) : NULL;
    for (int n = 0; grade && grade->step_count == steps && n < steps; n++)
        straight[n] = grade->steps[n].verdict == VERDICT_PASS;
    grade_free(grade);
    return straight;
}

/* Whether each step is straight by this model, which is closed; none is straight where it is NULL */
static bool *steps_straight_by(const Suspects *s, const Trial *trial, BuggyModel *buggy)
{
    if (!buggy) return allocate_zeroed((size_t)suspects_graded(s)->step_count + 1, sizeof(bool));
    bool *straight = steps_straight(s, trial, subject_with_bugs(buggy, &trial->options));
    buggy_model_close(buggy);
    return straight;
}

void suspects_grade(const Suspects *s, Suspect *suspect)
{
    if (suspect->straight) return;
    suspect->straight = steps_straight_by(s, &s->search->trial, open_with(s, suspect->candidate.bug));
}

bool *suspects_grade_sequences(const Suspects *s, int place, uint64_t sequences)
{
    Trial trial = s->search->trial;
    trial.options.sequences = sequences;
    if (place < 0 && s->below.count == 0) return steps_straight(s, &trial, subject_of(&trial));
    return steps_straight_by(s, &trial,
                             open_several(s, &s->list[place < 0 ? 0 : place].candidate.bug, place >= 0, trial.model));
}

bool *suspects_grade_together(const Suspects *s, const int *places, int count)
{
    const Bug **bugs = allocate_zeroed((size_t)count + 1, sizeof *bugs);
    for (int i = 0; i < count; i++) bugs[i] = s->list[places[i]].candidate.bug;
    bool *straight = steps_straight_by(s, &s->search->trial, open_several(s, bugs, count, s->search->trial.model));
    free(bugs);
    return straight;
}

bool *suspects_grade_part(const Suspects *s, int place, const BugPart *part)
{
    return steps_straight_by(s, &s->search->trial, open_in_part(s, s->list[place].candidate.bug, part));
}

/* Computes no layer that the step does not come from. */
static void differences_by(const Suspects *s, const Suspect *suspect, BuggyModel *buggy, int step, float *difference)
{
    TouchedLayers layers = step_layers(suspects_graded(s), step, model_config(s->search->trial.model));
    bool is_alone = s->below.count == 0 && !suspect->remembers;
    s->search->pass++;
    if (buggy) {
        buggy_model_set_touched(buggy, is_alone ? &layers : NULL);
        matched_filter_differences(s->filter, s->base, subject_with_bugs(buggy, &s->search->trial.options), step,
                                   difference);
    }
    buggy_model_close(buggy);
    touched_layers_free(&layers);
}

void suspects_part_differences(const Suspects *s, SuspectPart of, int step, float *difference)
{
    BuggyModel *buggy = open_in_part(s, s->list[of.place].candidate.bug, of.part);
    if (buggy) buggy_model_note_sites(buggy, of.sites);
    differences_by(s, &s->list[of.place], buggy, step, difference);
}

static Match *part_matches(const Suspects *s, SuspectPart of)
{
    Match *matches = allocate_zeroed((size_t)suspects_graded(s)->step_count + 1, sizeof *matches);
    BuggyModel *buggy = open_in_part(s, s->list[of.place].candidate.bug, of.part);
    s->search->pass++;
    if (buggy) {
        buggy_model_note_sites(buggy, of.sites);
        matched_filter_match(s->filter, s->base, subject_with_bugs(buggy, &s->search->trial.options), matches);
    }
    buggy_model_close(buggy);
    return matches;
}

Match *suspects_part_matches(const Suspects *s, int place, const BugPart *part)
{
    return part_matches(s, (SuspectPart){ place, part, NULL });
}

Sites suspects_sites(const Suspects *s, int place)
{
    Sites sites = { .count = 0 };
    free(part_matches(s, (SuspectPart){ place, &(BugPart){ .strength = 1 }, &sites }));
    return sites;
}

void suspects_differences(const Suspects *s, const Suspect *suspect, int step, float *difference)
{
    differences_by(s, suspect, open_with(s, suspect->candidate.bug), step, difference);
}

/* ---------------------------------------------------------------- the filter */

/* Adds up the steps that are open. A straight dump has none: there every step is weighed, or those that stand out. */
static void weigh_steps(const Suspects *s, Suspect *suspect, bool all)
{
    Candidate *c = &suspect->candidate;
    bool straight = suspects_graded(s)->first_bent < 0 || s->weighs_all;
    Match heard = { 0 };
    double residual = 0, left = 0;
    for (int n = 0; n < suspects_graded(s)->step_count; n++) {
        Match match = suspect->matches[n];
        bool stands_out = match_z(match) >= STANDS_OUT;
        if (straight ? !(match.power > 0) || (!all && !stands_out) : !is_open(s, n)) continue;
        match_add(&heard, match);
        residual += matched_filter_residual(s->filter, n);
        left += matched_filter_residual(s->filter, n) - 2 * match.product + match.power;
    }
    suspect->explained_power = residual - left;
    c->z = match_z(heard);
    c->coefficient = match_coefficient(heard);
    c->explained = residual > 0 ? 1 - left / residual : 0;
}

void suspects_summarise(const Suspects *s, Suspect *suspect)
{
    Candidate *c = &suspect->candidate;
    const Grade *grade = suspects_graded(s);
    Match all = { 0 };
    c->steps = c->absent = 0;
    suspect->residual_left = suspect->absent_power = 0;
    for (int n = 0; n < grade->step_count; n++) {
        Match match = suspect->matches[n];
        match_add(&all, match);
        suspect->residual_left += match.power - 2 * match.product;
        if (match.power > 0) c->steps++;
        if (match.power > SEEN * SEEN && match.product < match.power / 2) {
            c->absent++;
            suspect->absent_power += match.power;
        }
        if (match.power > 0 && !c->step) c->step = grade->steps[n].tap;
        if (n == grade->first_bent) c->at_first_bent = match.power > 0;
    }
    c->expected_z = match_expected_z(all);
    /* Below the noise a bug may be too faint in each step, or be in some layers only. Honest steps that were chosen for
     * standing out reach 9 together. */
    suspect->z_needed = SEEN;
    weigh_steps(s, suspect, true);
    if (suspects_graded(s)->first_bent >= 0 || suspect_is_the_bug(suspect)) return;
    suspect->z_needed = EXPOSED;
    weigh_steps(s, suspect, false);
}

bool suspect_is_the_bug(const Suspect *suspect)
{
    const Candidate *c = &suspect->candidate;
    return c->z >= suspect->z_needed && coefficient_is_one(c->coefficient, c->z);
}

/* Bugs that explain the same are told apart by what each would do that is not there. */
static int by_likelihood(const void *left, const void *right)
{
    const Suspect *first = left, *second = right;
    const Candidate *a = &first->candidate, *b = &second->candidate;
    if (fabs(a->explained - b->explained) > 1e-3) return a->explained < b->explained ? 1 : -1;
    if (first->absent_power != second->absent_power) return first->absent_power > second->absent_power ? 1 : -1;
    if (a->explained != b->explained) return a->explained < b->explained ? 1 : -1;
    return strcmp(a->bug->id, b->bug->id);
}

void suspects_rank(Suspects *s)
{
    for (int i = 0; i < s->count; i++) suspects_summarise(s, &s->list[i]);
    qsort(s->list, (size_t)s->count, sizeof *s->list, by_likelihood);
}
