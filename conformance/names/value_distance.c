/* value_distance.c - a hook that holds every array against every tap */
#include "names/value_distance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "names/layout_advice.h"
#include "names/layout_apply.h"
#include "names/padded_rows.h"
#include "names/tap_values.h"

typedef struct {
    const Dump *dump;
    NamesCase *c;
    const bool *wanted, *free_taps;
    NearTaps *near;
    int next; /* tap of the list */
    TapValues values;
} Search;

/* The array as the tap has it; false: it does not lie on it */
static bool lay_out(const Search *s, const Array *from, const ListedTap *tap, Array *to, Arena *arena)
{
    LayoutAdvice advice = layout_advice(from, tap->rank, tap->shape, s->c->inputs);
    LayoutStep permute = { .kind = LAYOUT_PERMUTE, .value_count = advice.count };
    *to = *from;
    if (advice.kind == ADVICE_ROWS) {
        RowsKind kind = strcmp(advice.rows, "tokens") == 0 ? ROWS_TOKENS : ROWS_IMAGES;
        return !rows_padded(kind, to, tap->name, tap, s->c, arena);
    }
    if (advice.kind != ADVICE_PERMUTE) return advice.kind == ADVICE_FITS;
    for (int i = 0; i < advice.count; i++) permute.values[i] = advice.order[i];
    Bundle bundle = { .arrays = to, .taps = (const char *[]){ tap->name }, .count = 1 };
    return !layout_apply(&permute, &bundle, s->c, arena);
}

static void note(NearTaps *near, NearTap tap)
{
    int kept = 0;
    if (!isfinite(tap.distance) || (near->count > 0 && tap.distance > CLEARLY_NEARER * near->nearest)) return;
    if (near->count == 0 || tap.distance < near->nearest) near->nearest = tap.distance;
    for (int i = 0; i < near->count; i++)
        if (near->list[i].distance <= CLEARLY_NEARER * near->nearest) near->list[kept++] = near->list[i];
    near->list = grown(near->list, kept, sizeof *near->list);
    near->list[kept++] = tap;
    near->count = kept;
}

static void compare(Search *s, int i, int n, const Tap *tap)
{
    Arena arena = { 0 };
    const Array *array = dump_array(s->dump, i);
    Array laid;
    if (lay_out(s, array, &s->c->taps.taps[n], &laid, &arena))
        note(&s->near[i], (NearTap){ n, (float)tap_values_distance(&s->values, &laid, tap) });
    arena_free(&arena);
}

/* Whether the pass has anything to compare */
static bool any_lies_on_a_tap(const Search *s)
{
    for (int i = 0; i < dump_count(s->dump); i++)
        for (int n = 0; s->wanted[i] && n < s->c->taps.count; n++) {
            const ListedTap *tap = &s->c->taps.taps[n];
            LayoutAdvice advice;
            if (!s->free_taps[n]) continue;
            advice = layout_advice(dump_array(s->dump, i), tap->rank, tap->shape, s->c->inputs);
            if (layout_advice_fits(&advice)) return true;
        }
    return false;
}

static void on_tap(void *context, const Tap *tap)
{
    Search *s = context;
    if (!tap_values_take(&s->values, tap) || s->next == s->c->taps.count) return;
    int n = s->next++;
    for (int i = 0; s->free_taps[n] && i < dump_count(s->dump); i++)
        if (s->wanted[i]) compare(s, i, n, tap);
}

NearTaps *value_distances(const Dump *dump, NamesCase *c, const bool *wanted, const bool *free_taps)
{
    Search s = { .dump = dump,
                 .c = c,
                 .wanted = wanted,
                 .free_taps = free_taps,
                 .values = tap_values_open(c),
                 .near = allocate_zeroed((size_t)dump_count(dump) + 1, sizeof *s.near) };
    if (any_lies_on_a_tap(&s)) tap_list_pass(c->model, c->inputs, c->max_new_tokens, on_tap, &s);
    tap_values_close(&s.values);
    return s.near;
}

void near_taps_free(NearTaps *near, int arrays)
{
    for (int i = 0; i < arrays; i++) free(near[i].list);
    free(near);
}
