/* names_case.c - taps listed once, and late */
#include "names/names_case.h"

#include <string.h>

#define TEXT_MODEL "model.language_model"

static void on_tap(void *context, const Tap *tap)
{
    NamesCase *c = context;
    padding_rows_observe(&c->rows, tap);
    tap_list_note(&c->taps, tap);
}

const ListedTap *names_case_tap(NamesCase *c, const char *name)
{
    if (!c || !c->model || !name) return NULL;
    if (!c->listed) {
        c->rows = padding_rows_of(c->inputs, model_config(c->model));
        tap_list_pass(c->model, c->inputs, c->max_new_tokens, on_tap, c);
    }
    c->listed = true;
    return tap_list_find(&c->taps, name);
}

const char *names_case_spelling(const NamesCase *c, const char *tap, Arena *arena)
{
    const char *rest = tap + strlen(TEXT_MODEL);
    bool is_text_model = strncmp(tap, TEXT_MODEL, strlen(TEXT_MODEL)) == 0 && strchr(".#", *rest);
    if (!c || !c->model || !is_text_model || json_object_get(model_config(c->model), "text_config")) return tap;
    return arena_format(arena, "model%s", rest);
}

void names_case_free(NamesCase *c)
{
    if (c->listed) tap_list_free(&c->taps);
    if (c->listed) padding_rows_free(&c->rows);
    c->listed = false;
}
