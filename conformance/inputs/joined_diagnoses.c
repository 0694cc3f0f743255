/* joined_diagnoses.c - lists put one behind the other, without doubles */
#include "inputs/joined_diagnoses.h"

static bool is_among(const Bug *const *bugs, int count, const Bug *bug)
{
    for (int i = 0; i < count; i++)
        if (bugs[i] == bug) return true;
    return false;
}

static bool is_candidate(const Diagnosis *d, const Bug *bug)
{
    for (int i = 0; i < d->candidate_count; i++)
        if (d->candidates[i].bug == bug) return true;
    return false;
}

static void append_bugs(const Bug **list, int *count, const Bug *const *more, int more_count)
{
    for (int i = 0; i < more_count; i++)
        if (!is_among(list, *count, more[i])) list[(*count)++] = more[i];
}

void diagnosis_join(Diagnosis *d, Diagnosis *second)
{
    if (d->named_count == 0) append_bugs(d->equals, &d->equal_count, second->equals, second->equal_count);
    append_bugs(d->named, &d->named_count, second->named, second->named_count);
    d->complete = d->complete && second->complete;
    if (second->unexplained && !d->pattern) {
        d->unexplained = arena_format(&d->arena, "%s", second->unexplained);
        d->pattern = arena_format(&d->arena, "%s", second->pattern);
    }
    for (int i = 0; i < second->candidate_count; i++) {
        Candidate *to = &d->candidates[d->candidate_count];
        if (is_candidate(d, second->candidates[i].bug)) continue;
        *to = second->candidates[i];
        if (to->step) to->step = arena_format(&d->arena, "%s", to->step);
        d->candidate_count++;
    }
    int kept = 0;
    for (int i = 0; i < d->not_exposed_count; i++)
        if (!is_candidate(d, d->not_exposed[i])) d->not_exposed[kept++] = d->not_exposed[i];
    d->not_exposed_count = kept;
    for (int i = 0; i < bug_count(); i++)
        if (!is_candidate(d, bug_at(i)) && !is_among(d->not_exposed, d->not_exposed_count, bug_at(i)))
            d->not_exposed[d->not_exposed_count++] = bug_at(i);
    diagnosis_free(second);
}
