/* tried.c - matches of each bug, kept */
#include "diagnose/tried.h"

#include <stdlib.h>
#include <string.h>

Tried *tried_new(int step_count)
{
    Tried *tried = allocate_zeroed(1, sizeof *tried);
    tried->step_count = step_count;
    tried->taps = allocate_zeroed((size_t)step_count + 1, sizeof *tried->taps);
    tried->bugs = allocate_zeroed((size_t)bug_count() + 1, sizeof *tried->bugs);
    return tried;
}

void tried_free(Tried *tried)
{
    if (!tried) return;
    for (int i = 0; i < bug_count(); i++) free(tried->bugs[i].matches);
    free(tried->bugs);
    free(tried->taps);
    arena_free(&tried->arena);
    free(tried);
}

bool tried_is_of(const Tried *tried, const Grade *grade)
{
    bool is_of = tried->step_count == grade->step_count;
    for (int n = 0; is_of && n < grade->step_count; n++) is_of = strcmp(tried->taps[n], grade->steps[n].tap) == 0;
    return is_of;
}
