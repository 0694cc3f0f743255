/* step_naming.c - the likeliest bugs of a bent step confirmed, and named */
#include "diagnose/step_naming.h"

#include <math.h>
#include <stdlib.h>

#include "diagnose/joint_fit.h"
#include "diagnose/parts.h"
#include "diagnose/reach.h"
#include "diagnose/step_reach.h"

enum { ASKED_AT_LENGTH = 2 }; /* steps that parts of a bug are tried on */

/* A bug that something else hides takes the ratio down so many-fold, and its coefficient is so near 1. */
static const double MANY_FOLD = 5, NEARLY_WHOLE = 0.1;

/* Whether two suspects leave the same behind. What the wrong one leaves more is the square of what they differ by, in
 * standard deviations: two that are as large may still be told apart. */
static bool is_alike(const Suspect *a, const Suspect *b)
{
    return fabs(a->residual_left - b->residual_left) <= SEEN * SEEN;
}

/* The suspect with most public reports, among those that make step n straight and leave as little as the confirmed one,
 * but for three standard deviations */
static int commonest_like(const Suspects *s, int confirmed, int n)
{
    int commonest = confirmed;
    for (int i = 0; i < s->count; i++) {
        const Suspect *other = &s->list[i];
        bool as_likely = fabs(other->residual_left - s->list[confirmed].residual_left) <= 9;
        if (other->straight && other->straight[n] && as_likely &&
            other->candidate.bug->sources > s->list[commonest].candidate.bug->sources)
            commonest = i;
    }
    return commonest;
}

/* The likeliest suspect that makes step n straight; -1. A grade each, also of those that cannot be told from it. A step
 * that is hardly bent is straight with anything that takes a little off it: so the suspect must be seen in it, too. */
static int confirm(Suspects *s, int n)
{
    int confirmed = -1;
    for (int i = 0, graded = 0; i < s->count && graded < MOST_CONFIRMED; i++) {
        Suspect *suspect = &s->list[i];
        if (match_z(suspect->matches[n]) < SEEN || !(suspect->candidate.explained > 0)) continue;
        if (confirmed >= 0 && !is_alike(suspect, &s->list[confirmed])) continue;
        graded++;
        suspects_grade(s, suspect);
        suspect->candidate.confirmed = suspect->straight[n];
        if (suspect->straight[n] && confirmed < 0) confirmed = i;
    }
    return confirmed < 0 ? confirmed : commonest_like(s, confirmed, n);
}

/* Returns its place. */
int add_named(Diagnosis *d, const Bug *bug)
{
    for (int i = 0; i < d->named_count; i++)
        if (d->named[i] == bug) return i;
    d->named[d->named_count++] = bug;
    return d->named_count - 1;
}

void mark_explained(const Suspects *s, const bool *straight)
{
    for (int n = 0; straight && n < suspects_graded(s)->step_count; n++)
        if (suspects_bent(s, n) && straight[n]) s->covered[n] = true;
}

void list_equals(Diagnosis *d, const Suspects *s, const Suspect *named)
{
    for (int i = 0; i < s->count; i++) {
        const Suspect *other = &s->list[i];
        bool is_rival = other->candidate.confirmed || suspect_is_the_bug(other);
        if (other != named && is_rival && is_alike(named, other)) d->equals[d->equal_count++] = other->candidate.bug;
    }
}

void show_candidates(Diagnosis *d, const Suspects *s)
{
    d->candidate_count = s->count;
    for (int i = 0; i < s->count; i++) {
        d->candidates[i] = s->list[i].candidate;
        if (d->candidates[i].step) d->candidates[i].step = arena_format(&d->arena, "%s", d->candidates[i].step);
    }
}

/* Several bugs bend step n: the fewest of those that a fit over all proposes. */
static bool find_several(Diagnosis *d, const Suspects *s, int n)
{
    int together[MOST_TOGETHER], most = joint_fit(s, n, together);
    for (int count = 2; count <= most; count++) {
        bool *straight = suspects_grade_together(s, together, count);
        bool is_found = straight[n];
        for (int i = 0; is_found && i < count; i++) add_named(d, s->list[together[i]].candidate.bug);
        if (is_found) mark_explained(s, straight);
        free(straight);
        if (is_found) return true;
    }
    return false;
}

/* A bug bends step n in some sequences of the batch and is not in the others. */
static bool find_in_sequences(Diagnosis *d, const Suspects *s, int n)
{
    Reach reach;
    bool is_found = reach_find(s, n, &reach);
    if (!is_found) return false;
    d->reaches[add_named(d, s->list[reach.place].candidate.bug)] = reach_text(reach.sequences, &d->arena);
    mark_explained(s, reach.straight);
    free(reach.straight);
    return true;
}

/* Where a part that was found in one step is in the others, too: one module of a layer, half of a bug in another */
static const char *reach_in_words(Diagnosis *d, const Suspects *s, const FoundPart *found)
{
    const char *steps = found->part.layers ? NULL : step_reach_of_part(s, found->place, &found->part, &d->arena);
    return steps && found->reach ? arena_format(&d->arena, "%s, %s", found->reach, steps)
                                 : steps ? steps : found->reach;
}

/* A bug bends step n in a part of the model, or at another strength. */
static bool find_in_part(Diagnosis *d, const Suspects *s, int n)
{
    FoundPart found;
    if (!parts_find(s, n, d, &found)) return false;
    int place = add_named(d, s->list[found.place].candidate.bug);
    d->reaches[place] = reach_in_words(d, s, &found);
    d->strengths[place] = found.part.strength;
    mark_explained(s, found.straight);
    free(found.straight);
    return true;
}

/* Parts cost half as many passes as a diagnosis. So the first steps alone are asked. */
static bool find_at_length(Diagnosis *d, const Suspects *s, int n, int *asked)
{
    return find_several(d, s, n) || ((*asked)++ < ASKED_AT_LENGTH && find_in_part(d, s, n));
}

/* Most of what bends step n is a bug at its own strength, which takes the ratio down many-fold. Where it does not make
 * the step straight, something else bends it, too, and the step stays unexplained: false. */
static bool find_main_cause(Diagnosis *d, Suspects *s, int n)
{
    int best = -1;
    double residual = matched_filter_residual(s->filter, n), least = residual / (MANY_FOLD * MANY_FOLD);
    for (int i = 0; i < s->count; i++) {
        Match match = s->list[i].matches[n];
        double left = residual - 2 * match.product + match.power, z = match_z(match);
        bool is_whole = z >= SEEN && fabs(match_coefficient(match) - 1) <= NEARLY_WHOLE;
        if (!is_whole || left > least) continue;
        best = i;
        least = left;
    }
    if (best < 0) return false;
    suspects_grade(s, &s->list[best]);
    int place = add_named(d, s->list[best].candidate.bug);
    mark_explained(s, s->list[best].straight);
    if (!s->list[best].straight[n]) d->with_others[place] = true;
    return s->list[best].straight[n];
}

/* A step that nothing makes straight is left unexplained, and the search goes on behind it: what bends a later step is
 * found all the same. */
void name_one_after_the_other(Diagnosis *d, Suspects *s)
{
    int asked = 0;
    for (int n = suspects_first_open(s); n >= 0 && !error_is_set(s->search->error); n = suspects_first_open(s)) {
        int found = confirm(s, n);
        if (d->candidate_count == 0) show_candidates(d, s);
        if (found >= 0) {
            mark_explained(s, s->list[found].straight);
            add_named(d, s->list[found].candidate.bug);
            if (d->named_count == 1) list_equals(d, s, &s->list[found]);
        } else if (!find_in_sequences(d, s, n) && !find_at_length(d, s, n, &asked)) {
            s->unexplained[n] = !find_main_cause(d, s, n);
        }
        suspects_rank(s);
    }
}

bool is_unexplained(const Suspects *s, int n) { return suspects_bent(s, n) && !s->covered[n]; }

int first_unexplained(const Suspects *s)
{
    for (int n = 0; n < suspects_graded(s)->step_count; n++)
        if (is_unexplained(s, n)) return n;
    return -1;
}
