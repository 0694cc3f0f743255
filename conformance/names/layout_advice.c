/* layout_advice.c - all orders of a few axes are tried */
#include "names/layout_advice.h"

#include <inttypes.h>
#include <string.h>

#include "dump/array_layout.h"
#include "names/padded_rows.h"

enum { MOST_AXES = 5 };

const char *const layout_advice_nothing = "no permutation or reshape fits";

typedef struct {
    const Array *array;
    int rank; /* of the tap */
    const int64_t *shape;
    int order[ARRAY_MAX_RANK], count;
    LayoutAdvice best;
    int best_moved;
} Search;

/* The array of that many axes in that order; or an array of another rank, regrouped so that the order makes the tap. */
static bool order_fits(const Search *s)
{
    int64_t shape[ARRAY_MAX_RANK];
    if (s->array->rank == s->count) {
        Array permuted = { .rank = s->count };
        for (int i = 0; i < s->count; i++) permuted.shape[i] = s->array->shape[s->order[i]];
        if (array_regroups(&permuted, s->rank, s->shape)) return true;
    }
    if (s->rank != s->count || s->array->rank == s->count) return false;
    for (int i = 0; i < s->count; i++) shape[s->order[i]] = s->shape[i];
    return array_regroups(s->array, s->count, shape);
}

static void try_orders(Search *s, int at)
{
    int moved = 0;
    for (int axis = 0; at < s->count && axis < s->count; axis++) {
        bool used = false;
        for (int i = 0; i < at; i++) used |= s->order[i] == axis;
        s->order[at] = axis;
        if (!used) try_orders(s, at + 1);
    }
    if (at < s->count) return;
    for (int i = 0; i < s->count; i++) moved += s->order[i] != i;
    if (moved == 0 || (s->best.kind == ADVICE_PERMUTE && moved >= s->best_moved) || !order_fits(s)) return;
    s->best.kind = ADVICE_PERMUTE;
    s->best.count = s->count;
    s->best_moved = moved;
    memcpy(s->best.order, s->order, sizeof s->order);
}

static int64_t elements_of(int rank, const int64_t *shape)
{
    int64_t elements = 1;
    for (int i = 0; i < rank; i++) elements *= shape[i];
    return elements;
}

/* As many rows in front as there are real ones, each as large as one of the tap's */
static bool is_ragged(const Array *array, int64_t elements, RealRows real)
{
    int64_t rows = real.outer * real.inner;
    return real.count > 0 && real.count < rows && array->rank > 0 && array->shape[0] == real.count &&
           elements % rows == 0 && array_elements(array) / real.count == elements / rows;
}

/* The only axis of the array that has another length than the tap's; -1: none has, or several have. */
static int only_other_axis(const Array *array, int rank, const int64_t *shape)
{
    int other = -1;
    if (array->rank != rank) return -1;
    for (int i = 0; i < rank; i++) {
        if (array->shape[i] == shape[i]) continue;
        if (other >= 0) return -1;
        other = i;
    }
    return other;
}

/* As a dump of one row of a batch, or of a batch with padding that the inputs have not, is beside the tap. */
static LayoutAdvice partly(const Array *array, int rank, const int64_t *shape)
{
    int longer = only_other_axis(array, rank, shape);
    int64_t one[ARRAY_MAX_RANK];
    if (longer >= 0 && array->shape[longer] > shape[longer] && shape[longer] > 0)
        return (LayoutAdvice){ .kind = ADVICE_SELECT,
                               .axis = longer,
                               .places = shape[longer],
                               .beyond = array->shape[longer] - shape[longer] };
    for (int i = 0; i < rank; i++) one[i] = shape[i];
    for (int axis = 0; axis < rank - 1; axis++) {
        if (shape[axis] == 1) continue;
        one[axis] = 1;
        if (array_regroups(array, rank, one))
            return (LayoutAdvice){ .kind = ADVICE_JOIN, .axis = axis, .places = shape[axis] };
        break;
    }
    return (LayoutAdvice){ .kind = ADVICE_NONE };
}

LayoutAdvice layout_advice(const Array *array, int rank, const int64_t *shape, const Inputs *inputs)
{
    static const char *const names[] = { "tokens", "images" };
    Search s = { .array = array, .rank = rank, .shape = shape, .best = { .kind = ADVICE_NONE } };
    int64_t elements = elements_of(rank, shape);
    if (array_regroups(array, rank, shape)) return (LayoutAdvice){ .kind = ADVICE_FITS };
    for (RowsKind kind = ROWS_TOKENS; inputs && kind <= ROWS_IMAGES; kind++) {
        Arena arena = { 0 };
        bool ragged = is_ragged(array, elements, real_rows(kind, inputs, &arena));
        arena_free(&arena);
        if (ragged) return (LayoutAdvice){ .kind = ADVICE_ROWS, .rows = names[kind] };
    }
    if (array_elements(array) != elements) return partly(array, rank, shape);
    if (array->rank <= MOST_AXES) {
        s.count = array->rank;
        try_orders(&s, 0);
    }
    if (s.best.kind == ADVICE_NONE && array->rank != rank && rank <= MOST_AXES) {
        s.count = rank;
        try_orders(&s, 0);
    }
    return s.best;
}

bool layout_advice_fits(const LayoutAdvice *advice)
{
    return advice->kind == ADVICE_FITS || advice->kind == ADVICE_PERMUTE || advice->kind == ADVICE_ROWS;
}

const char *layout_advice_text(const LayoutAdvice *advice, Arena *arena)
{
    const char *order = "";
    switch (advice->kind) {
    case ADVICE_FITS: return "fits as it is";
    case ADVICE_ROWS: return arena_format(arena, "\"rows\": \"%s\" would fit", advice->rows);
    case ADVICE_SELECT:
        return arena_format(arena,
                            "\"select\": {\"axis\": %d, \"first\": 0, \"count\": %" PRId64
                            "} would fit, or \"first\": %" PRId64 ", if what it leaves out is padding",
                            advice->axis, advice->places, advice->beyond);
    case ADVICE_JOIN:
        return arena_format(arena,
                            "it is 1 of the %" PRId64 " places of axis %d: dump them together, or join such arrays by "
                            "\"stack\": 0",
                            advice->places, advice->axis);
    case ADVICE_NONE: return layout_advice_nothing;
    case ADVICE_PERMUTE: break;
    }
    for (int i = 0; i < advice->count; i++)
        order = arena_format(arena, "%s%s%d", order, i ? ", " : "", advice->order[i]);
    return arena_format(arena, "\"permute\": [%s] would fit", order);
}

json_t *layout_advice_json(const LayoutAdvice *advice)
{
    if (advice->kind == ADVICE_ROWS) return json_pack("{s:s}", "rows", advice->rows);
    if (advice->kind == ADVICE_SELECT)
        return json_pack("{s:{s:i, s:i, s:I}}", "select", "axis", advice->axis, "first", 0, "count",
                         (json_int_t)advice->places);
    if (advice->kind != ADVICE_PERMUTE) return NULL;
    json_t *order = json_array();
    for (int i = 0; i < advice->count; i++) json_array_append_new(order, json_integer(advice->order[i]));
    return json_pack("{s:o}", "permute", order);
}
