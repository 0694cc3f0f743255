/* tap_list.c - a hook that writes names down */
#include "names/tap_list.h"

#include <stdlib.h>
#include <string.h>

void tap_list_note(TapList *list, const Tap *tap)
{
    if (tap->first > 0) return;
    list->taps = grown(list->taps, list->count, sizeof *list->taps);
    ListedTap *listed = &list->taps[list->count++];
    *listed = (ListedTap){ .name = arena_format(&list->arena, "%s", tap->name), .rank = tap->rank };
    memcpy(listed->shape, tap->shape, sizeof listed->shape);
}

void tap_list_pass(Model *model, const Inputs *inputs, int max_new_tokens, Hook *hook, void *context)
{
    Error impossible = { "" };
    if (max_new_tokens > 0) model_check_generation(model, inputs, max_new_tokens, &impossible);
    Pass pass = { .hook = hook, .hook_context = context, .ignore_eos = true };
    if (!error_is_set(&impossible)) pass.max_new_tokens = max_new_tokens;
    reference_f32.forward(model, inputs, &pass);
}

void tap_list_free(TapList *list)
{
    free(list->taps);
    arena_free(&list->arena);
    *list = (TapList){ .taps = NULL };
}

const ListedTap *tap_list_find(const TapList *list, const char *name)
{
    for (int i = 0; i < list->count; i++)
        if (strcmp(list->taps[i].name, name) == 0) return &list->taps[i];
    return NULL;
}
