/* diagnose.c - every bug tried on a dump, the likeliest confirmed */
#include "diagnose.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "evidence.h"
#include "pattern.h"

enum { MOST_CONFIRMED = 6 };

/* Standard deviations: a bug that is said to be there; what a case has to show of one; a step that stands out alone.
 * Honest dumps stay below 5 for all bugs (docs/tolerances.md). */
static const double SEEN = 8, EXPOSED = 12, STANDS_OUT = 5;

typedef struct {
    Candidate public;
    Match *matches; /* of each step */
    bool *straight; /* of each step, with the bug; NULL until it is graded */
} Suspect;

typedef struct {
    const char *folder;
    GradeOptions options;
    const Inputs *inputs;
    const Dump *dump;
    const Class *class;
    Error *error;
    Diagnosis *diagnosis;
    const Bug *on_top[2]; /* a bug that others are tried on top of, and the one that is tried */
    int below;            /* 1 if there is such a bug */
    Lockstep *base;       /* of the dump, with it */
    Evidence *evidence;
    Suspect *suspects;
    int suspect_count;
    bool *covered;             /* of each step: bent, and straight with a bug that is named */
    const GradeOptions *shown; /* whose progress bar it is */
    int tried;
} Search;

/* A bar over the bugs, with some left at the end for those that are confirmed */
static void show_progress(void *context, int pass, int passes, const char *tap)
{
    const Search *s = context;
    (void)pass, (void)passes;
    if (s->shown->progress)
        s->shown->progress(s->shown->progress_context, s->tried, bug_count() + 2 * MOST_CONFIRMED, tap);
}

static const Grade *graded(const Search *s) { return lockstep_grade_so_far(s->base); }
static bool is_bent(const Search *s, int n) { return graded(s)->steps[n].verdict != VERDICT_PASS; }
static bool is_open(const Search *s, int n) { return is_bent(s, n) && !s->covered[n]; }

static int first_open(const Search *s)
{
    for (int n = 0; n < graded(s)->step_count; n++)
        if (is_open(s, n)) return n;
    return -1;
}

/* NULL where the bug does not fit the checkpoint */
static BuggyModel *open_with(Search *s, const Bug *bug)
{
    Error unfit = { "" };
    s->on_top[s->below] = bug;
    return buggy_model_open(s->folder, s->on_top, s->below + 1, &unfit);
}

/* ---------------------------------------------------------------- the filter */

static double z_of(Match match) { return match.power > 0 ? match.product / sqrt(match.power) : 0; }

/* Whether a step has its say: an open one; or in a straight dump, one that stands out by itself. */
static bool has_say(const Search *s, const Suspect *suspect, int n)
{
    if (first_open(s) >= 0) return is_open(s, n);
    return z_of(suspect->matches[n]) >= STANDS_OUT;
}

static void sum_up(Search *s, Suspect *suspect)
{
    Candidate *c = &suspect->public;
    Match all = { 0 }, heard = { 0 };
    double residual = 0, left = 0;
    c->steps = c->absent = 0;
    for (int n = 0; n < graded(s)->step_count; n++) {
        Match match = suspect->matches[n];
        all.power += match.power;
        if (match.power > 0) c->steps++;
        if (match.power > SEEN * SEEN && match.product < match.power / 2) c->absent++;
        if (match.power > 0 && !c->step) c->step = graded(s)->steps[n].tap;
        if (n == graded(s)->first_bent) c->at_first_bent = match.power > 0;
        if (!has_say(s, suspect, n)) continue;
        heard.product += match.product;
        heard.power += match.power;
        residual += evidence_residual(s->evidence, n);
        left += evidence_residual(s->evidence, n) - 2 * match.product + match.power;
    }
    c->expected_z = sqrt(all.power);
    c->z = z_of(heard);
    c->coefficient = heard.power > 0 ? heard.product / heard.power : 0;
    c->explained = residual > 0 ? 1 - left / residual : 0;
}

/* The coefficient of the bug itself is 1, give or take its own noise; some is left for what rounding does to it. */
static bool is_the_bug(const Candidate *c) { return c->z >= SEEN && fabs(c->coefficient - 1) <= 0.2 + 4 / c->z; }

static int by_likelihood(const void *left, const void *right)
{
    const Candidate *a = &((const Suspect *)left)->public, *b = &((const Suspect *)right)->public;
    if (fabs(a->explained - b->explained) > 1e-3) return a->explained < b->explained ? 1 : -1;
    if (a->absent != b->absent) return a->absent - b->absent;
    if (a->explained != b->explained) return a->explained < b->explained ? 1 : -1;
    return strcmp(a->bug->id, b->bug->id);
}

static void forget_suspects(Search *s)
{
    for (int i = 0; i < s->suspect_count; i++) {
        free(s->suspects[i].matches);
        free(s->suspects[i].straight);
    }
    s->suspect_count = 0;
}

static void try_all(Search *s)
{
    Diagnosis *d = s->diagnosis;
    forget_suspects(s);
    evidence_free(s->evidence);
    s->evidence = evidence_new(s->base, s->class);
    for (int i = 0; i < bug_count() && !error_is_set(s->error); i++) {
        if (s->below && bug_at(i) == s->on_top[0]) continue;
        Suspect suspect = { .public.bug = bug_at(i) };
        s->tried = i;
        suspect.matches = allocate_zeroed((size_t)graded(s)->step_count + 1, sizeof *suspect.matches);
        BuggyModel *buggy = open_with(s, suspect.public.bug);
        if (buggy) evidence_match(s->evidence, s->base, buggy, suspect.matches);
        buggy_model_close(buggy);
        sum_up(s, &suspect);
        if (suspect.public.expected_z >= EXPOSED) {
            s->suspects[s->suspect_count++] = suspect;
            continue;
        }
        free(suspect.matches);
        if (!s->below) d->not_exposed[d->not_exposed_count++] = suspect.public.bug;
    }
    qsort(s->suspects, (size_t)s->suspect_count, sizeof *s->suspects, by_likelihood);
}

static void sum_up_again(Search *s)
{
    for (int i = 0; i < s->suspect_count; i++) sum_up(s, &s->suspects[i]);
    qsort(s->suspects, (size_t)s->suspect_count, sizeof *s->suspects, by_likelihood);
}

/* ---------------------------------------------------------------- confirmation */

static void grade_with(Search *s, Suspect *suspect)
{
    if (suspect->straight) return;
    Error apart = { "" };
    BuggyModel *buggy = open_with(s, suspect->public.bug);
    Lockstep *with = buggy ? lockstep_begin((Subject){ NULL, buggy }, s->inputs, s->dump, s->class, &s->options, &apart)
                           : NULL;
    suspect->straight = allocate_zeroed((size_t)graded(s)->step_count + 1, sizeof *suspect->straight);
    if (with) {
        const Grade *grade = lockstep_grade_so_far(with);
        for (int n = 0; grade->step_count == graded(s)->step_count && n < grade->step_count; n++)
            suspect->straight[n] = grade->steps[n].verdict == VERDICT_PASS;
        grade_free(lockstep_end(with));
    }
    buggy_model_close(buggy);
}

/* The likeliest suspect that makes step n straight; -1 */
static int confirm(Search *s, int n)
{
    int confirmed = -1;
    for (int i = 0, graded_count = 0; i < s->suspect_count && graded_count < MOST_CONFIRMED; i++) {
        Suspect *suspect = &s->suspects[i];
        if (!(suspect->matches[n].power > 0) || !(suspect->public.explained > 0)) continue;
        s->tried = bug_count() + graded_count++;
        grade_with(s, suspect);
        suspect->public.confirmed = suspect->straight[n];
        if (suspect->straight[n] && confirmed < 0) confirmed = i;
    }
    return confirmed;
}

static void name(Search *s, const Suspect *suspect)
{
    Diagnosis *d = s->diagnosis;
    for (int n = 0; suspect->straight && n < graded(s)->step_count; n++)
        if (is_bent(s, n) && suspect->straight[n]) s->covered[n] = true;
    for (int i = 0; i < d->named_count; i++)
        if (d->named[i] == suspect->public.bug) return;
    d->named[d->named_count++] = suspect->public.bug;
}

/* Those that leave the same behind: their filters differ by less than the noise of a difference. */
static void list_equals(Search *s, const Suspect *named)
{
    Diagnosis *d = s->diagnosis;
    for (int i = 0; i < s->suspect_count; i++) {
        const Candidate *a = &named->public, *b = &s->suspects[i].public;
        bool same = fabs(a->z - b->z) <= 3 && fabs(a->expected_z - b->expected_z) <= 3 && a->absent == b->absent;
        if (b != a && same && (b->confirmed || is_the_bug(b))) d->equals[d->equal_count++] = b->bug;
    }
}

/* ---------------------------------------------------------------- the search */

static void show_candidates(Search *s)
{
    Diagnosis *d = s->diagnosis;
    d->candidate_count = s->suspect_count;
    for (int i = 0; i < s->suspect_count; i++) {
        d->candidates[i] = s->suspects[i].public;
        if (d->candidates[i].step) d->candidates[i].step = arena_format(&d->arena, "%s", d->candidates[i].step);
    }
}

/* In a straight dump: what is there below the noise */
static void find_below_noise(Search *s)
{
    int best = -1;
    for (int i = 0; i < s->suspect_count; i++) {
        const Candidate *c = &s->suspects[i].public;
        if (is_the_bug(c) && (best < 0 || c->z > s->suspects[best].public.z)) best = i;
    }
    if (best < 0) return;
    name(s, &s->suspects[best]);
    list_equals(s, &s->suspects[best]);
}

static void rebase(Search *s, const Bug *below)
{
    grade_free(lockstep_end(s->base));
    s->on_top[0] = below;
    s->below = below != NULL;
    BuggyModel *buggy = buggy_model_open(s->folder, s->on_top, 1, s->error);
    s->base = buggy ? lockstep_begin((Subject){ NULL, buggy }, s->inputs, s->dump, s->class, &s->options, s->error)
                    : NULL;
    buggy_model_close(buggy);
}

/* Two bugs bend step n: the one that explains most of it is switched on, and another one looked for on top of it. */
static void find_pair(Search *s, int n)
{
    const Bug *below = NULL;
    for (int i = 0; i < s->suspect_count && !below; i++) {
        const Suspect *suspect = &s->suspects[i];
        double share = evidence_residual(s->evidence, n);
        if (suspect->matches[n].product > 0.2 * share && z_of(suspect->matches[n]) >= SEEN) below = suspect->public.bug;
    }
    if (!below) return;
    rebase(s, below);
    if (error_is_set(s->error) || !is_bent(s, n)) return;
    try_all(s);
    int found = error_is_set(s->error) ? -1 : confirm(s, n);
    if (found < 0) return;
    s->diagnosis->named[s->diagnosis->named_count++] = below;
    name(s, &s->suspects[found]);
}

static void search(Search *s)
{
    try_all(s);
    if (first_open(s) < 0) {
        find_below_noise(s);
        show_candidates(s);
        s->diagnosis->complete = true;
        return;
    }
    int found = -1;
    for (int n = first_open(s); n >= 0 && !error_is_set(s->error); n = first_open(s)) {
        found = confirm(s, n);
        if (s->diagnosis->candidate_count == 0) show_candidates(s);
        if (found < 0) break;
        name(s, &s->suspects[found]);
        if (s->diagnosis->named_count == 1) list_equals(s, &s->suspects[found]);
        sum_up_again(s);
    }
    s->diagnosis->complete = first_open(s) < 0;
    if (!s->diagnosis->complete && !error_is_set(s->error)) {
        int n = first_open(s), before = s->diagnosis->named_count;
        find_pair(s, n);
        if (s->diagnosis->named_count > before) s->diagnosis->complete = first_open(s) < 0;
    }
}

Diagnosis *diagnose(Model *model, const Inputs *inputs, const Dump *dump, const Class *class,
                    const DiagnoseOptions *options, Grade **grade, Error *error)
{
    Diagnosis *d = allocate_zeroed(1, sizeof *d);
    size_t bugs = (size_t)bug_count() + 1;
    d->named = allocate_zeroed(bugs, sizeof *d->named);
    d->equals = allocate_zeroed(bugs, sizeof *d->equals);
    d->not_exposed = allocate_zeroed(bugs, sizeof *d->not_exposed);
    d->candidates = allocate_zeroed(bugs, sizeof *d->candidates);
    Search s = { .folder = options->folder,
                 .options = options->grade,
                 .inputs = inputs,
                 .dump = dump,
                 .class = class,
                 .error = error,
                 .diagnosis = d,
                 .shown = &options->grade };
    s.options.progress = show_progress;
    s.options.progress_context = &s;
    s.suspects = allocate_zeroed(bugs, sizeof *s.suspects);

    *grade = lockstep_grade(model, inputs, dump, class, &options->grade, error);
    s.base = *grade ? lockstep_begin((Subject){ model, NULL }, inputs, dump, class, &s.options, error) : NULL;
    if (s.base) {
        s.covered = allocate_zeroed((size_t)graded(&s)->step_count + 1, sizeof *s.covered);
        if (first_open(&s) >= 0) d->pattern = pattern_of(s.base, inputs, &d->arena);
        search(&s);
    }
    if (d->named_count > 0) d->pattern = NULL;
    forget_suspects(&s);
    evidence_free(s.evidence);
    if (s.base) grade_free(lockstep_end(s.base));
    free(s.suspects);
    free(s.covered);
    if (!error_is_set(error)) return d;
    grade_free(*grade);
    *grade = NULL;
    diagnosis_free(d);
    return NULL;
}

void diagnosis_free(Diagnosis *diagnosis)
{
    if (!diagnosis) return;
    free(diagnosis->named);
    free(diagnosis->candidates);
    free(diagnosis->equals);
    free(diagnosis->not_exposed);
    arena_free(&diagnosis->arena);
    free(diagnosis);
}
