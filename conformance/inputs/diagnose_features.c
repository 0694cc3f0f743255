/* diagnose_features.c - every other extraction tried, the simplest that is straight named */
#include "inputs/diagnose_features.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "diagnose/matched_filter.h"

/* Standard deviations, as in diagnose.c; and by how much less two explanations that are the same may differ */
static const double SAME = 9;
static const double LEAST_SHARE = 0.2; /* of the error, that a bug below the noise has to explain */

enum { TOGETHER = 2 }; /* bugs at once */

typedef struct {
    const Bug *bugs[TOGETHER];
    int count;
    int covered; /* bent steps that it makes straight */
    double residual;
} Attempt;

typedef struct {
    const FeatureTrial *trial;
    SoundFeatures honest; /* in float64 */
    bool bent;
    Diagnosis *diagnosis;
    Attempt *attempts; /* that cover something */
    int attempt_count;
    Arena *arena;
} Search;

static SoundFeatures features_with(const Search *s, const Bug *const *bugs, int count)
{
    Extraction how = right_extraction(s->trial->clips);
    for (int i = 0; i < count; i++) bugs[i]->extraction(&how);
    return extract_features(s->trial->clips, &how, s->arena);
}

/* ---------------------------------------------------------------- attempts */

static int covered_by(const FeatureGrade *plain, const FeatureGrade *with)
{
    int covered = 0;
    for (int n = 0; n < plain->count; n++) {
        bool was_bent = plain->steps[n].verdict != VERDICT_PASS, is_bent = with->steps[n].verdict != VERDICT_PASS;
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

static void note_attempt(Search *s, Attempt attempt, const SoundFeatures *features)
{
    FeatureGrade grade = grade_features(s->trial->found, features, s->trial->class, s->arena);
    attempt.covered = covered_by(s->trial->grade, &grade);
    attempt.residual = grade.residual;
    if (attempt.covered == 0) return;
    s->attempts = reallocate(s->attempts, (size_t)(s->attempt_count + 1), sizeof *s->attempts);
    s->attempts[s->attempt_count++] = attempt;
}

static void note_candidate(Search *s, const Bug *bug, const SoundFeatures *features)
{
    const FeatureGrade *grade = s->trial->grade;
    Diagnosis *d = s->diagnosis;
    FeatureMatch m = match_features(s->trial->found, &s->honest, features, s->trial->class);
    if (!m.touches[0] && !m.touches[1]) return;
    Candidate *c = &d->candidates[d->candidate_count++];
    *c = (Candidate){ .bug = bug,
                      .explained = m.residual > 0 ? (2 * m.product - m.power) / m.residual : 0,
                      .z = m.power > 0 ? m.product / sqrt(m.power) : 0,
                      .coefficient = m.power > 0 ? m.product / m.power : 0,
                      .expected_z = sqrt(m.power),
                      .step = m.touches[0] ? "input_features" : "input_features_mask",
                      .steps = m.touches[0] + m.touches[1] };
    for (int n = 0; n < grade->count && s->bent; n++) {
        if (grade->steps[n].verdict == VERDICT_PASS) continue;
        c->at_first_bent = m.touches[strcmp(grade->steps[n].tap, "input_features") != 0];
        break;
    }
}

static void try_alone(Search *s)
{
    for (int i = 0; i < bug_count(); i++) {
        const Bug *bug = bug_at(i);
        if (!bug_is_of_sounds(bug)) continue;
        ArenaMark mark = arena_mark(s->arena);
        SoundFeatures features = features_with(s, &bug, 1);
        note_candidate(s, bug, &features);
        if (s->bent) note_attempt(s, (Attempt){ .bugs = { bug }, .count = 1 }, &features);
        arena_release(s->arena, mark);
    }
}

static void try_together(Search *s)
{
    for (int i = 0; i < bug_count(); i++)
        for (int j = i + 1; j < bug_count(); j++) {
            Attempt both = { .bugs = { bug_at(i), bug_at(j) }, .count = 2 };
            if (!bug_is_of_sounds(both.bugs[0]) || !bug_is_of_sounds(both.bugs[1])) continue;
            ArenaMark mark = arena_mark(s->arena);
            SoundFeatures features = features_with(s, both.bugs, both.count);
            note_attempt(s, both, &features);
            arena_release(s->arena, mark);
        }
}

/* ---------------------------------------------------------------- names */

static int bent_steps(const FeatureGrade *grade)
{
    int bent = 0;
    for (int n = 0; n < grade->count; n++) bent += grade->steps[n].verdict != VERDICT_PASS;
    return bent;
}

static const Attempt *best_attempt(const Search *s)
{
    const Attempt *best = s->attempts;
    for (int i = 1; i < s->attempt_count; i++)
        if (is_better(&s->attempts[i], best)) best = &s->attempts[i];
    return best;
}

static void name(Search *s, const Attempt *best)
{
    Diagnosis *d = s->diagnosis;
    for (int i = 0; i < best->count; i++) d->named[d->named_count++] = best->bugs[i];
    d->complete = best->covered == bent_steps(s->trial->grade);
    for (int n = 0; n < s->attempt_count; n++) {
        const Attempt *a = &s->attempts[n];
        bool same = best->count == 1 && a->covered == best->covered && a->residual - best->residual <= SAME;
        for (int i = 0; i < d->candidate_count && a->count == 1; i++)
            if (d->candidates[i].bug == a->bugs[0]) d->candidates[i].confirmed = true;
        if (a->count == 1 && same && a != best) d->equals[d->equal_count++] = a->bugs[0];
    }
}

static int by_likelihood(const void *left, const void *right)
{
    const Candidate *a = left, *b = right;
    if (a->explained != b->explained) return a->explained < b->explained ? 1 : -1;
    return strcmp(a->bug->id, b->bug->id);
}

static void name_below_noise(Search *s)
{
    Diagnosis *d = s->diagnosis;
    const Candidate *c = d->candidates;
    d->complete = true;
    bool to_the_bit = s->trial->grade->count == 0 || s->trial->grade->steps[0].introduced == 0;
    bool is_seen = d->candidate_count > 0 && c->explained >= LEAST_SHARE && c->z >= SEEN;
    if (!to_the_bit && is_seen && coefficient_is_one(c->coefficient, c->z)) d->named[d->named_count++] = c->bug;
}

/* Describes the first bent step. */
static const char *pattern_of(const FeatureGrade *grade, Arena *arena)
{
    const Step *step = &grade->steps[0];
    if (step->verdict == VERDICT_PASS) step++;
    if (step->shape_differs) return arena_format(arena, "%s: %s", step->tap, step->note);
    if (step->non_finite) return arena_format(arena, "%lld values are not finite", (long long)step->non_finite);
    if (strcmp(step->tap, "input_features") == 0)
        return arena_format(arena, "input_features are off by %.3g of their size, most in frame %lld", step->introduced,
                            (long long)step->worst_row);
    return arena_format(arena, "input_features_mask is another one, first at frame %lld", (long long)step->worst_row);
}

static void list_unexposed(Diagnosis *d)
{
    for (int i = 0; i < bug_count(); i++) {
        bool shown = !bug_is_of_sounds(bug_at(i));
        for (int n = 0; n < d->candidate_count; n++) shown |= d->candidates[n].bug == bug_at(i);
        if (!shown) d->not_exposed[d->not_exposed_count++] = bug_at(i);
    }
}

Diagnosis *diagnose_features(const FeatureTrial *trial, SoundFeatures *explained, Arena *arena)
{
    Search s = { .trial = trial, .diagnosis = diagnosis_new(), .arena = arena };
    Diagnosis *d = s.diagnosis;
    int bent = bent_steps(trial->grade);
    s.bent = bent > 0;
    s.honest = features_with(&s, NULL, 0);
    try_alone(&s);
    const Attempt *best = best_attempt(&s);
    if (s.bent && (!best || best->covered < bent)) try_together(&s);
    best = best_attempt(&s);
    if (best) name(&s, best);
    if (best) *explained = features_with(&s, best->bugs, best->count);
    qsort(d->candidates, (size_t)d->candidate_count, sizeof *d->candidates, by_likelihood);
    if (!s.bent) name_below_noise(&s);
    list_unexposed(d);
    if (s.bent && d->named_count == 0) d->pattern = pattern_of(trial->grade, &d->arena);
    free(s.attempts);
    return d;
}
