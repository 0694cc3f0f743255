/* diagnose_patches.c - every other preprocessing tried, the simplest that is straight named */
#include "inputs/diagnose_patches.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "diagnose/matched_filter.h"
/* Standard deviations, as in diagnose.c; and by how much less two explanations that are the same may differ */
static const double SAME = 9;

enum { KINDS = 3 }; /* of bugs that may come together: of size, of kernel, of layout */

/* One preprocessing, and how well it explains what was found */
typedef struct {
    const Bug *bugs[KINDS];
    Preprocessing how;
    int count;   /* of bugs */
    int covered; /* bent steps that it makes straight */
    double residual;
} Attempt;

typedef struct {
    const Pictures *pictures;
    const DumpedPatches *found;
    const ArithmeticClass *class;
    const PatchGrade *grade; /* honest */
    int exact;               /* the honest way in real arithmetic that is nearest: cut, or not cut */
    Patches honest;          /* that way */
    bool bent;
    Diagnosis *diagnosis;
    Attempt *attempts; /* that cover something */
    int attempt_count;
    Arena *arena;
} Search;

/* ---------------------------------------------------------------- attempts */

static int covered_by(const Search *s, const PatchGrade *grade)
{
    int covered = 0;
    for (int n = 0; n < grade->count; n++) {
        bool was_bent = s->grade->steps[n].verdict != VERDICT_PASS, is_bent = grade->steps[n].verdict != VERDICT_PASS;
        if (is_bent && !was_bent) return 0;
        covered += was_bent && !is_bent;
    }
    return covered;
}

static bool is_better(const Attempt *a, const Attempt *b)
{
    if (a->covered != b->covered) return a->covered > b->covered;
    if (a->count != b->count) return a->count < b->count;
    return a->residual < b->residual;
}

static void note_attempt(Search *s, Attempt attempt, const Patches *patches)
{
    PatchGrade grade = grade_patches(s->found, patches, &s->pictures->processor, s->class, s->arena);
    attempt.covered = covered_by(s, &grade);
    attempt.residual = grade.residual;
    if (attempt.covered == 0) return;
    s->attempts = reallocate(s->attempts, (size_t)(s->attempt_count + 1), sizeof *s->attempts);
    s->attempts[s->attempt_count++] = attempt;
}

/* ---------------------------------------------------------------- candidates */

static Candidate *candidate_of(Search *s, const Bug *bug)
{
    Diagnosis *d = s->diagnosis;
    for (int i = 0; i < d->candidate_count; i++)
        if (d->candidates[i].bug == bug) return &d->candidates[i];
    d->candidates[d->candidate_count] = (Candidate){ .bug = bug, .explained = -INFINITY };
    return &d->candidates[d->candidate_count++];
}

/* Where a bug can be had in several ways, the one that explains most is shown. */
static void note_candidate(Search *s, const Bug *bug, const Patches *patches)
{
    PatchMatch m = match_patches(s->found, &s->honest, patches, &s->pictures->processor, s->class);
    if (!patches_show(&m)) return;
    double explained = m.residual > 0 ? (2 * m.product - m.power) / m.residual : 0;
    Candidate *c = candidate_of(s, bug);
    if (explained <= c->explained) return;
    *c = (Candidate){ .bug = bug,
                      .explained = explained,
                      .z = m.power > 0 ? m.product / sqrt(m.power) : 0,
                      .coefficient = m.power > 0 ? m.product / m.power : 0,
                      .expected_z = sqrt(m.power),
                      .step = m.touches[0]   ? "pixel_values"
                              : m.touches[1] ? "image_position_ids"
                                             : NULL,
                      .steps = m.touches[0] + m.touches[1] };
    for (int n = 0; n < s->grade->count && s->bent; n++) {
        if (s->grade->steps[n].verdict == VERDICT_PASS) continue;
        c->at_first_bent = m.touches[strcmp(s->grade->steps[n].tap, "pixel_values") != 0];
        break;
    }
}

static int by_likelihood(const void *left, const void *right)
{
    const Candidate *a = left, *b = right;
    if (a->explained != b->explained) return a->explained < b->explained ? 1 : -1;
    return strcmp(a->bug->id, b->bug->id);
}

/* ---------------------------------------------------------------- all of them */

/* How pictures are resized, and the bugs in it */
typedef struct {
    Preprocessing how;
    const Bug *size, *kernel;
    bool exact; /* in real arithmetic */
} Resizing;

/* The same patches as they are, and as each bug of their layout leaves them. A bug alone is always noted, for its
 * numbers: in real arithmetic, so that no rounding is in them but that of what was found. */
static void try_layouts(Search *s, const Resizing *r, const Patches *patches)
{
    for (int i = -1; i < bug_count(); i++) {
        const Bug *layout = i < 0 ? NULL : bug_at(i);
        if (layout && !layout->patches) continue;
        ArenaMark mark = arena_mark(s->arena);
        Patches edited = *patches;
        if (layout) layout->patches(&edited, s->arena);
        Attempt attempt = { .bugs = { r->size, r->kernel, layout }, .how = r->how };
        for (int kind = 0; kind < KINDS; kind++) attempt.count += attempt.bugs[kind] != NULL;
        const Bug *alone = layout ? layout : r->kernel ? r->kernel : r->size;
        if (attempt.count == 1 && r->exact) note_candidate(s, alone, &edited);
        if (attempt.count > 0 && s->bent) note_attempt(s, attempt, &edited);
        arena_release(s->arena, mark);
    }
}

/* Returns whether pictures of that size have as many patches as were found. */
static bool try_resizing(Search *s, const Resizing *r)
{
    ArenaMark mark = arena_mark(s->arena);
    Patches patches = preprocess(s->pictures, &r->how, s->arena);
    bool fits = patches_fit(s->found, &patches);
    try_layouts(s, r, &patches);
    arena_release(s->arena, mark);
    return fits;
}

static Resizing honest_resizing(const Search *s, const Bug *size, int way)
{
    Resizing r = { .how = honest_preprocessing(s->pictures, way), .size = size, .exact = way == s->exact };
    if (size) r.how.target_size = size->target_size;
    r.how.letterbox = size && size->letterbox;
    return r;
}

static void try_kernels(Search *s, const Bug *size)
{
    Resizing r = honest_resizing(s, size, s->exact);
    for (int i = 0; i < bug_count(); i++) {
        r.kernel = bug_at(i);
        for (const Resampling *resampling = r.kernel->resamplings; resampling && resampling->kernel; resampling++) {
            r.how.resampling = resampling;
            r.exact = resampling->finish == FINISH_CUT;
            try_resizing(s, &r);
        }
    }
}

/* With a bug of size, other bugs are tried only where something is still bent and the pictures are of that size. */
static void try_size(Search *s, const Bug *size)
{
    Resizing first = honest_resizing(s, size, s->exact);
    bool together = try_resizing(s, &first) && s->bent;
    if (together || !size) try_kernels(s, size);
    for (int way = 0; way < HONEST_WAYS && together; way++) {
        Resizing r = honest_resizing(s, size, way);
        if (way != s->exact) try_resizing(s, &r);
    }
}

static void try_all(Search *s)
{
    try_size(s, NULL);
    for (int i = 0; i < bug_count(); i++)
        if ((bug_at(i)->target_size && changes_size(s->pictures, bug_at(i)->target_size)) ||
            (bug_at(i)->letterbox && has_bars(s->pictures)))
            try_size(s, bug_at(i));
}

/* ---------------------------------------------------------------- names */

static bool is_alone(const Attempt *attempt, const Bug *bug)
{
    return attempt->count == 1 && (attempt->bugs[0] == bug || attempt->bugs[1] == bug || attempt->bugs[2] == bug);
}

static void name(Search *s, const Attempt *best)
{
    Diagnosis *d = s->diagnosis;
    int bent = 0;
    for (int n = 0; n < s->grade->count; n++) bent += s->grade->steps[n].verdict != VERDICT_PASS;
    for (int kind = 0; kind < KINDS; kind++)
        if (best->bugs[kind]) d->named[d->named_count++] = best->bugs[kind];
    d->complete = best->covered == bent;
    for (int i = 0; i < d->candidate_count; i++) {
        Candidate *c = &d->candidates[i];
        bool same = false;
        for (int n = 0; n < s->attempt_count; n++) {
            const Attempt *a = &s->attempts[n];
            if (!is_alone(a, c->bug)) continue;
            c->confirmed = true;
            same |= a->covered == best->covered && a->residual - best->residual <= SAME;
        }
        if (same && best->count == 1 && !is_alone(best, c->bug)) d->equals[d->equal_count++] = c->bug;
    }
}

static void explain(const Search *s, const Attempt *best, Patches *explained)
{
    *explained = preprocess(s->pictures, &best->how, s->arena);
    if (best->bugs[2]) best->bugs[2]->patches(explained, s->arena);
}

static bool is_below_noise(const Candidate *c)
{
    return c->explained >= SEEN_SHARE && c->z >= SEEN && coefficient_is_one(c->coefficient, c->z);
}

static void conclude(Search *s, Patches *explained)
{
    Diagnosis *d = s->diagnosis;
    const Attempt *best = s->attempts;
    for (int i = 1; i < s->attempt_count; i++)
        if (is_better(&s->attempts[i], best)) best = &s->attempts[i];
    if (best) name(s, best);
    if (best) explain(s, best, explained);

    qsort(d->candidates, (size_t)d->candidate_count, sizeof *d->candidates, by_likelihood);
    if (s->bent) return;
    d->complete = true;
    bool to_the_bit = s->grade->steps[0].introduced == 0; /* Hugging Face's own has no bug */
    if (!to_the_bit && d->candidate_count > 0 && is_below_noise(&d->candidates[0]))
        d->named[d->named_count++] = d->candidates[0].bug;
}

/* Describes the first bent step. */
static const char *pattern_of_patches(const Search *s, Arena *arena)
{
    const Step *step = &s->grade->steps[0];
    if (step->verdict == VERDICT_PASS) step++;
    if (step->shape_differs) return arena_format(arena, "%s: %s", step->tap, step->note);
    if (step->non_finite) return arena_format(arena, "%lld values are not finite", (long long)step->non_finite);
    double level = ROUNDING_OF_LEVELS * step->ratio, row = ROUNDING_OF_LEVELS * step->worst_row_ratio;
    if (strcmp(step->tap, "pixel_values") == 0)
        return arena_format(arena, "pixel_values are off by %.3g of 255 levels (rms), in patch %lld by %.3g", level,
                            (long long)step->worst_row, row);
    return arena_format(arena, "image_position_ids are other ones, the first at patch %lld",
                        (long long)step->worst_row);
}

static void list_unexposed(Diagnosis *d)
{
    for (int i = 0; i < bug_count(); i++) {
        bool shown = !bug_is_of_preprocessing(bug_at(i));
        for (int n = 0; n < d->candidate_count; n++) shown |= d->candidates[n].bug == bug_at(i);
        if (!shown) d->not_exposed[d->not_exposed_count++] = bug_at(i);
    }
}

Diagnosis *diagnose_patches(const PatchTrial *trial, Patches *explained, Arena *arena)
{
    Diagnosis *d = diagnosis_new();
    const PatchGrade *honest = trial->honest;
    int exact = trial->way > HONEST_EXACT ? trial->way : HONEST_EXACT;
    Preprocessing how = honest_preprocessing(trial->pictures, exact);
    Search s = { .pictures = trial->pictures,
                 .found = trial->found,
                 .class = trial->class,
                 .grade = honest,
                 .honest = preprocess(trial->pictures, &how, arena),
                 .exact = exact,
                 .diagnosis = d,
                 .arena = arena };
    for (int n = 0; n < honest->count; n++) s.bent |= honest->steps[n].verdict != VERDICT_PASS;
    try_all(&s);
    conclude(&s, explained);
    list_unexposed(d);
    if (s.bent && d->named_count == 0) d->pattern = pattern_of_patches(&s, &d->arena);
    free(s.attempts);
    return d;
}
