/* value_distance.c - a hook that holds every array against every tap */
#include "names/value_distance.h"

#include <math.h>
#include <string.h>

#include "names/layout_advice.h"
#include "names/layout_apply.h"
#include "names/padded_rows.h"
#include "names/tap_values.h"

typedef struct {
    const Dump *dump;
    NamesCase *c;
    const bool *wanted, *free_taps;
    float *distances;
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

static void compare(Search *s, int i, float *distance, int n, const Tap *tap)
{
    Arena arena = { 0 };
    const Array *array = dump_array(s->dump, i);
    Array laid;
    if (lay_out(s, array, &s->c->taps.taps[n], &laid, &arena))
        *distance = (float)tap_values_distance(&s->values, &laid, tap);
    arena_free(&arena);
}

static void on_tap(void *context, const Tap *tap)
{
    Search *s = context;
    if (!tap_values_take(&s->values, tap) || s->next == s->c->taps.count) return;
    int n = s->next++;
    float *distance = s->distances + n;
    for (int i = 0; s->free_taps[n] && i < dump_count(s->dump); i++) {
        if (!s->wanted[i]) continue;
        compare(s, i, distance, n, tap);
        distance += s->c->taps.count;
    }
}

float *value_distances(const Dump *dump, NamesCase *c, const bool *wanted, const bool *free_taps)
{
    names_case_tap(c, ""); /* lists the taps */
    size_t rows = 0, count;
    for (int i = 0; i < dump_count(dump); i++) rows += wanted[i];
    count = rows * (size_t)c->taps.count;
    Search s = { .dump = dump,
                 .c = c,
                 .wanted = wanted,
                 .free_taps = free_taps,
                 .values = tap_values_open(c),
                 .distances = allocate_zeroed(count + 1, sizeof(float)) };
    for (size_t i = 0; i < count; i++) s.distances[i] = INFINITY;
    tap_list_pass(c->model, c->inputs, c->max_new_tokens, on_tap, &s);
    tap_values_close(&s.values);
    return s.distances;
}
