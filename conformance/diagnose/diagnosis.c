/* diagnosis.c - memory for its lists, each with room for every bug */
#include "diagnose/diagnosis.h"

#include <stdlib.h>

Diagnosis *diagnosis_new(void)
{
    Diagnosis *d = allocate_zeroed(1, sizeof *d);
    size_t bugs = (size_t)bug_count() + 1;
    d->named = allocate_zeroed(bugs, sizeof *d->named);
    d->reaches = allocate_zeroed(bugs, sizeof *d->reaches);
    d->strengths = allocate_zeroed(bugs, sizeof *d->strengths);
    d->with_others = allocate_zeroed(bugs, sizeof *d->with_others);
    for (size_t i = 0; i < bugs; i++) d->strengths[i] = 1;
    d->equals = allocate_zeroed(bugs, sizeof *d->equals);
    d->not_exposed = allocate_zeroed(bugs, sizeof *d->not_exposed);
    d->candidates = allocate_zeroed(bugs, sizeof *d->candidates);
    return d;
}

void diagnosis_free(Diagnosis *diagnosis)
{
    if (!diagnosis) return;
    free(diagnosis->named);
    free(diagnosis->reaches);
    free(diagnosis->strengths);
    free(diagnosis->with_others);
    free(diagnosis->candidates);
    free(diagnosis->equals);
    free(diagnosis->not_exposed);
    arena_free(&diagnosis->arena);
    free(diagnosis);
}
