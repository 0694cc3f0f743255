/* choices_beside.c - choices of a pass that runs beside others */
#include <stdlib.h>

#include "dump/tap_name.h"
#include "lockstep/choices.h"
#include "lockstep/choices_state.h"

Choices *choices_beside(const Choices *choices, const PaddingRows *rows)
{
    Choices *beside = allocate_zeroed(1, sizeof *beside);
    *beside = *choices;
    beside->rows = rows;
    beside->scores.values = NULL;
    open_choices_begin_beside(&beside->open_choices);
    return beside;
}

void choices_free_beside(Choices *choices)
{
    free(choices->scores.values);
    open_choices_free(&choices->open_choices);
    free(choices);
}

bool choices_matter_open(const Choices *choices, int new_tokens)
{
    for (int n = 0; n < choices->count; n++) {
        const Choice *choice = &choices->list[n];
        bool is_last = tap_is_token(choice->tap) && tap_run(choice->tap) == new_tokens;
        if (!choice->held && !is_last) return true;
    }
    return false;
}

bool choices_none(const Choices *choices) { return choices->count == 0; }

bool choices_all_held(const Choices *choices)
{
    for (int n = 0; n < choices->count; n++)
        if (!choices->list[n].held) return false;
    return true;
}
