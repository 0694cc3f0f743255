/* diagnosis.c - memory for its lists, each with room for every bug */
#include "diagnose/diagnosis.h"

#include <stdlib.h>

Diagnosis *diagnosis_new(void)
{
    Diagnosis *d = allocate_zeroed(1, sizeof *d);
    size_t bugs = (size_t)bug_count() + 1;
    d->named = allocate_zeroed(bugs, sizeof *d->named);
    d->reaches = allocate_zeroed(bugs, sizeof *d->reaches);
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
    free(diagnosis->candidates);
    free(diagnosis->equals);
    free(diagnosis->not_exposed);
    arena_free(&diagnosis->arena);
    free(diagnosis);
}
