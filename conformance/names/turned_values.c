/* turned_values.c - tries every order of axes that keeps the shape, and the order of columns */
#include "names/turned_values.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dump/array_layout.h"
#include "dump/npy.h"
#include "names/tap_values.h"

enum { MOST_AXES = 5 };

typedef struct {
    const Dump *dump;
    const char *const *taps;
    int count;
    TapValues values;
    TurnedValues found;
} Search;

/* An array beside its tap, and the order that is best so far */
typedef struct {
    TapValues *values;
    const Tap *tap;
    Array array; /* of the tap's shape */
    int order[ARRAY_MAX_RANK];
    double nearest;
    const char *operation;
    Arena *arena;
} Trial;

static const char *numbers_text(const int *numbers, int count, Arena *arena)
{
    const char *text = "";
    for (int i = 0; i < count; i++) text = arena_format(arena, "%s%s%d", text, i ? ", " : "", numbers[i]);
    return text;
}

static void try_order(Trial *t)
{
    Arena scratch = { 0 };
    int moved = 0, rank = t->tap->rank;
    for (int i = 0; i < rank; i++) {
        if (t->array.shape[t->order[i]] != t->tap->shape[i]) return;
        moved += t->order[i] != i && t->tap->shape[i] > 1;
    }
    if (moved == 0) return;
    Array turned = array_permuted(&t->array, t->order, &scratch);
    double distance = tap_values_distance(t->values, &turned, t->tap);
    if (distance < t->nearest) {
        t->nearest = distance;
        t->operation = arena_format(t->arena, "\"permute\": [%s]", numbers_text(t->order, rank, t->arena));
    }
    arena_free(&scratch);
}

static void try_orders(Trial *t, int at)
{
    for (int axis = 0; at < t->tap->rank && axis < t->tap->rank; axis++) {
        bool used = false;
        for (int i = 0; i < at; i++) used |= t->order[i] == axis;
        t->order[at] = axis;
        if (!used) try_orders(t, at + 1);
    }
    if (at == t->tap->rank) try_order(t);
}

/* The same numbers as somebody writes them who counts the first axis fastest, as Fortran does */
static void try_columns(Trial *t)
{
    Arena scratch = { 0 };
    int rank = t->tap->rank, reversed[ARRAY_MAX_RANK], shape[ARRAY_MAX_RANK];
    int64_t turned_shape[ARRAY_MAX_RANK];
    for (int i = 0; i < rank; i++) {
        reversed[i] = rank - 1 - i;
        turned_shape[i] = t->tap->shape[reversed[i]];
        shape[i] = (int)turned_shape[i];
    }
    Array columns = array_reshaped(&t->array, rank, turned_shape),
          turned = array_permuted(&columns, reversed, &scratch);
    double distance = tap_values_distance(t->values, &turned, t->tap);
    if (distance < t->nearest) {
        t->nearest = distance;
        t->operation = arena_format(t->arena, "\"steps\": [{\"reshape\": [%s]}, {\"permute\": [%s]}]",
                                    numbers_text(shape, rank, t->arena), numbers_text(reversed, rank, t->arena));
    }
    arena_free(&scratch);
}

static bool is_wanted(const Search *s, const char *name)
{
    for (int i = 0; i < s->count; i++)
        if (strcmp(s->taps[i], name) == 0) return true;
    return false;
}

static void on_tap(void *context, const Tap *tap)
{
    Search *s = context;
    if (!tap_values_take(&s->values, tap) || !is_wanted(s, tap->name)) return;
    const Array *array = dump_find(s->dump, tap->name);
    if (!array || tap->rank < 2 || tap->rank > MOST_AXES || !array_regroups(array, tap->rank, tap->shape)) return;
    Trial t = { .values = &s->values,
                .tap = tap,
                .array = array_reshaped(array, tap->rank, tap->shape),
                .arena = &s->found.arena };
    if (tap_values_distance(&s->values, &t.array, tap) <= VALUES_NEAR) return;
    t.nearest = VALUES_NEAR;
    try_orders(&t, 0);
    try_columns(&t);
    if (!t.operation) return;
    s->found.list = grown(s->found.list, s->found.count, sizeof *s->found.list);
    s->found.list[s->found.count++] = (TurnedValue){ .tap = arena_format(&s->found.arena, "%s", tap->name),
                                                     .operation = t.operation };
}

TurnedValues turned_values_of(const Dump *dump, const char *const *taps, int count, NamesCase *c)
{
    Search s = { .dump = dump, .taps = taps, .count = count };
    if (count == 0) return s.found;
    s.values = tap_values_open(c);
    tap_list_pass(c->model, c->inputs, c->max_new_tokens, on_tap, &s);
    tap_values_close(&s.values);
    return s.found;
}

void turned_values_free(TurnedValues *turned)
{
    free(turned->list);
    arena_free(&turned->arena);
    *turned = (TurnedValues){ .list = NULL };
}
