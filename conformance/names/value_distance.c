/* value_distance.c - a hook that holds every array against every tap */
#include "names/value_distance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "names/layout_advice.h"
#include "names/layout_apply.h"
#include "names/padded_rows.h"
#include "noise/padding_rows.h"

enum { MOST_VALUES = 1 << 16 };

const double VALUES_NEAR = 0.2;

typedef struct {
    const Dump *dump;
    NamesCase *c;
    const bool *free_taps;
    float *distances;
    PaddingRows rows;
    int next;      /* tap of the list */
    float *values; /* of the tap that is coming by */
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

/* Relative L2 of the rows that are no padding; infinite as soon as it is beyond twice VALUES_NEAR */
static double distance(const Search *s, const Array *array, const Tap *tap)
{
    int64_t width = tap->rank ? tap->shape[tap->rank - 1] : 1;
    int64_t count = array_elements(array) < MOST_VALUES ? array_elements(array) : MOST_VALUES;
    const TapRows rows = padding_rows_tap(&s->rows, tap);
    double difference = 0, norm = 0;
    for (int64_t i = 0; i < count; i++)
        if (tap->rank == 0 || padding_rows_graded(&s->rows, &rows, i / width))
            norm += (double)s->values[i] * s->values[i];
    double most = 4 * VALUES_NEAR * VALUES_NEAR * norm;
    for (int64_t i = 0; i < count && difference <= most; i++) {
        double found;
        if (tap->rank > 0 && !padding_rows_graded(&s->rows, &rows, i / width)) continue;
        array_read_f64(array, i, 1, &found);
        difference += (found - s->values[i]) * (found - s->values[i]);
    }
    return norm > 0 && difference <= most ? sqrt(difference / norm) : INFINITY;
}

static void compare(Search *s, int i, int n, const Tap *tap)
{
    Arena arena = { 0 };
    const Array *array = dump_array(s->dump, i);
    Array laid;
    if (lay_out(s, array, &s->c->taps.taps[n], &laid, &arena))
        s->distances[i * s->c->taps.count + n] = (float)distance(s, &laid, tap);
    arena_free(&arena);
}

/* Masks of the text come behind its first taps, so that which rows are padding is learned in a pass of its own. */
static void learn_padding(void *context, const Tap *tap) { padding_rows_observe(context, tap); }

static void on_tap(void *context, const Tap *tap)
{
    Search *s = context;
    int64_t elements = 1;
    padding_rows_observe(&s->rows, tap);
    for (int i = 0; i < tap->rank; i++) elements *= tap->shape[i];
    for (int64_t i = 0; i < tap->count && tap->first + i < MOST_VALUES; i++)
        s->values[tap->first + i] = ((const float *)tap->values)[i];
    if (tap->first + tap->count < elements || s->next == s->c->taps.count) return;
    int n = s->next++;
    for (int i = 0; s->free_taps[n] && i < dump_count(s->dump); i++) compare(s, i, n, tap);
}

float *value_distances(const Dump *dump, NamesCase *c, const bool *free_taps)
{
    names_case_tap(c, ""); /* lists the taps */
    size_t count = (size_t)dump_count(dump) * (size_t)c->taps.count;
    Search s = { .dump = dump,
                 .c = c,
                 .free_taps = free_taps,
                 .rows = padding_rows_of(c->inputs, model_config(c->model)),
                 .distances = allocate_zeroed(count + 1, sizeof(float)),
                 .values = allocate_zeroed(MOST_VALUES, sizeof(float)) };
    for (size_t i = 0; i < count; i++) s.distances[i] = INFINITY;
    tap_list_pass(c->model, c->inputs, c->max_new_tokens, learn_padding, &s.rows);
    tap_list_pass(c->model, c->inputs, c->max_new_tokens, on_tap, &s);
    padding_rows_free(&s.rows);
    free(s.values);
    return s.distances;
}
