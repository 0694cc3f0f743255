/* names_case.c - taps listed once, and late */
#include "names/names_case.h"

const ListedTap *names_case_tap(NamesCase *c, const char *name)
{
    if (!c || !c->model || !name) return NULL;
    if (!c->listed) c->taps = tap_list_of(c->model, c->inputs, c->max_new_tokens);
    c->listed = true;
    return tap_list_find(&c->taps, name);
}

void names_case_free(NamesCase *c)
{
    if (c->listed) tap_list_free(&c->taps);
    c->listed = false;
}
