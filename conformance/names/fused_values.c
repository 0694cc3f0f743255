/* fused_values.c - holds every free tap against pieces of its width */
#include "names/fused_values.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dump/array_layout.h"
#include "names/nearest_tap.h"
#include "names/tap_values.h"

enum { MOST_WIDTHS = 64 }; /* of a part in the whole */

/* A tap whose values are so far along the last axis of an array */
typedef struct {
    int array, tap;
    int64_t at, width;
    double distance;
} Piece;

typedef struct {
    const Dump *dump;
    NamesCase *c;
    const bool *wanted, *free_taps;
    TapValues values;
    int next; /* tap of the list */
    Piece *pieces;
    int count;
} Search;

static int64_t width_of(int rank, const int64_t *shape) { return rank > 0 ? shape[rank - 1] : 1; }

static void try_piece(Search *s, Piece piece, const Tap *tap)
{
    piece.distance = tap_values_distance_at(&s->values, dump_array(s->dump, piece.array), piece.at, tap);
    if (!(piece.distance <= VALUES_NEAR)) return;
    s->pieces = reallocate(s->pieces, (size_t)s->count + 1, sizeof *s->pieces);
    s->pieces[s->count++] = piece;
}

/* Whether a tap of that shape may be a piece of the array */
static bool may_hold(const Array *array, int rank, const int64_t *shape)
{
    int64_t width = width_of(rank, shape), whole = width_of(array->rank, array->shape);
    if (array->rank < 2 || width == 0 || width >= whole || whole / width > MOST_WIDTHS) return false;
    Array cut = *array;
    cut.shape[cut.rank - 1] = width;
    return array_regroups(&cut, rank, shape);
}

static bool any_may_hold_a_tap(const Search *s)
{
    for (int i = 0; i < dump_count(s->dump); i++)
        for (int n = 0; s->wanted[i] && n < s->c->taps.count; n++)
            if (s->free_taps[n] && may_hold(dump_array(s->dump, i), s->c->taps.taps[n].rank, s->c->taps.taps[n].shape))
                return true;
    return false;
}

/* Parts of other widths may be on one side of it: it is so many of its widths from the front, or from the end. */
static void try_array(Search *s, int i, int n, const Tap *tap)
{
    const Array *array = dump_array(s->dump, i);
    int64_t width = width_of(tap->rank, tap->shape), whole = width_of(array->rank, array->shape);
    if (!may_hold(array, tap->rank, tap->shape)) return;
    for (int64_t at = 0; at + width <= whole; at += width) try_piece(s, (Piece){ i, n, at, width, INFINITY }, tap);
    for (int64_t at = whole - width; at > 0 && whole % width; at -= width)
        try_piece(s, (Piece){ i, n, at, width, INFINITY }, tap);
}

static void on_tap(void *context, const Tap *tap)
{
    Search *s = context;
    if (!tap_values_take(&s->values, tap) || s->next == s->c->taps.count) return;
    int n = s->next++;
    for (int i = 0; s->free_taps[n] && i < dump_count(s->dump); i++)
        if (s->wanted[i]) try_array(s, i, n, tap);
}

/* The nearest of the pieces at that place; of those that are as near, the one whose name is likest */
static const Piece *piece_at(const Search *s, TapWords *words, int array, int64_t at)
{
    double least = INFINITY, likeness;
    bool *wanted = allocate_zeroed((size_t)s->c->taps.count + 1, sizeof *wanted);
    for (int i = 0; i < s->count; i++)
        if (s->pieces[i].array == array && s->pieces[i].at == at) least = fmin(least, s->pieces[i].distance);
    const Piece *found = NULL;
    for (int i = 0; i < s->count; i++) {
        const Piece *piece = &s->pieces[i];
        if (piece->array != array || piece->at != at || piece->distance > 1.001 * least) continue;
        if (!found) found = piece;
        wanted[piece->tap] = true;
    }
    int likest = nearest_tap(words, dump_array(s->dump, array)->name, wanted, &likeness);
    for (int i = 0; i < s->count && likest >= 0; i++)
        if (s->pieces[i].array == array && s->pieces[i].at == at && s->pieces[i].tap == likest) found = &s->pieces[i];
    free(wanted);
    return found;
}

static FusedValue fused_value(const Search *s, TapWords *words, int array)
{
    FusedValue fused = { .count = 0 };
    int64_t at = 0, whole = width_of(dump_array(s->dump, array)->rank, dump_array(s->dump, array)->shape);
    while (at < whole && fused.count < MOST_PARTS) {
        const Piece *piece = piece_at(s, words, array, at);
        if (!piece) break;
        fused.taps[fused.count++] = piece->tap;
        at += piece->width;
    }
    return at == whole && fused.count > 1 ? fused : (FusedValue){ .count = 0 };
}

FusedValue *fused_values_of(const Dump *dump, NamesCase *c, const bool *wanted, const bool *free_taps)
{
    FusedValue *fused = allocate_zeroed((size_t)dump_count(dump) + 1, sizeof *fused);
    Search s = { .dump = dump, .c = c, .wanted = wanted, .free_taps = free_taps };
    names_case_tap(c, ""); /* lists the taps */
    if (!any_may_hold_a_tap(&s)) return fused;
    s.values = tap_values_open(c);
    TapWords *words = tap_words_new(&c->taps);
    tap_list_pass(c->model, c->inputs, c->max_new_tokens, on_tap, &s);
    for (int i = 0; i < dump_count(dump); i++)
        if (wanted[i]) fused[i] = fused_value(&s, words, i);
    tap_words_free(words);
    tap_values_close(&s.values);
    free(s.pieces);
    return fused;
}
