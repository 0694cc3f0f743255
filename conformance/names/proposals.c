/* proposals.c - every array beside every tap that is free */
#include "names/proposals.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "names/nearest_tap.h"
#include "names/tap_values.h"
#include "names/value_distance.h"
#include "noise/row_map.h"

/* Ports that dump every node of their graph have a few arrays for each tap. A dump of many more would cost time for
 * names that are none. */
enum { SOUGHT_PER_TAP = 8 };

static Tap tap_of(const ListedTap *listed)
{
    Tap tap = { .name = listed->name, .rank = listed->rank };
    memcpy(tap.shape, listed->shape, sizeof tap.shape);
    return tap;
}

static LayoutAdvice advice_for(const Array *array, const ListedTap *tap, const NamesCase *c)
{
    return layout_advice(array, tap->rank, tap->shape, c->inputs);
}

/* Both functions below use these. */
typedef struct {
    NamesCase *c;
    TapWords *words;
    bool *free_taps, *wanted;
} Search;

static Search search_of(const Dump *dump, NamesCase *c)
{
    names_case_tap(c, ""); /* lists the taps */
    Search s = { .c = c,
                 .words = tap_words_new(&c->taps),
                 .free_taps = allocate_zeroed((size_t)c->taps.count + 1, sizeof(bool)),
                 .wanted = allocate_zeroed((size_t)c->taps.count + 1, sizeof(bool)) };
    for (int t = 0; t < c->taps.count; t++) s.free_taps[t] = !dump_find(dump, c->taps.taps[t].name);
    return s;
}

static void search_free(Search *s)
{
    tap_words_free(s->words);
    free(s->free_taps);
    free(s->wanted);
}

/* Lists the free taps that the array lies on, perhaps after an operation, and returns how many there are. */
static int want_fitting(Search *s, const Array *array)
{
    int count = 0;
    for (int t = 0; t < s->c->taps.count; t++) {
        LayoutAdvice advice = advice_for(array, &s->c->taps.taps[t], s->c);
        s->wanted[t] = s->free_taps[t] && layout_advice_fits(&advice);
        count += s->wanted[t];
    }
    return count;
}

/* The tap whose values the array has. Several may have them, as a module and its last projection: the likest of these
 * by name, or the first. -1: none is near, or others are nearly as near. */
static int same_values(Search *s, Proposal *p, const NearTaps *near)
{
    double likeness;
    p->distance = near->count > 0 ? near->nearest : INFINITY;
    if (p->distance > VALUES_NEAR) return -1;
    memset(s->wanted, 0, (size_t)s->c->taps.count * sizeof *s->wanted);
    for (int i = 0; i < near->count; i++) {
        bool is_nearest = near->list[i].distance <= near->nearest * 1.001;
        s->wanted[near->list[i].tap] = is_nearest;
        if (!is_nearest && near->list[i].distance < CLEARLY_NEARER * near->nearest) return -1;
    }
    int alike = nearest_tap(s->words, p->array->name, s->wanted, &likeness), first = 0;
    while (!s->wanted[near->list[first].tap]) first++;
    return alike >= 0 ? alike : near->list[first].tap;
}

static void find_fused(const Search *s, Proposals *proposals, const Dump *dump)
{
    bool *wanted = allocate_zeroed((size_t)proposals->count + 1, sizeof *wanted);
    for (int i = 0; i < proposals->count; i++)
        wanted[i] = proposals->all[i].is_sought && proposals->all[i].by_value < 0;
    FusedValue *fused = fused_values_of(dump, s->c, wanted, s->free_taps);
    for (int i = 0; i < proposals->count; i++) proposals->all[i].fused = fused[i];
    free(fused);
    free(wanted);
}

/* The place in the list of the tap whose name each array has; -1 */
static int *own_taps(const Dump *dump, const TapList *taps)
{
    int *own = allocate_zeroed((size_t)dump_count(dump) + 1, sizeof *own);
    for (int i = 0; i < dump_count(dump); i++) own[i] = -1;
    for (int t = taps->count - 1; t >= 0; t--) {
        const Array *array = dump_find(dump, taps->taps[t].name);
        if (array) own[array - dump_array(dump, 0)] = t;
    }
    return own;
}

/* Arrays whose names are no taps, up to so many; the caller frees the list. */
static bool *arrays_to_seek(const Dump *dump, const int *own, int most)
{
    bool *sought = allocate_zeroed((size_t)dump_count(dump) + 1, sizeof *sought);
    for (int i = 0; i < dump_count(dump) && most > 0; i++) {
        sought[i] = own[i] < 0;
        most -= sought[i];
    }
    return sought;
}

Proposals proposals_of(const Dump *dump, NamesCase *c)
{
    Search s = search_of(dump, c);
    int *own = own_taps(dump, &c->taps);
    bool *sought = arrays_to_seek(dump, own, SOUGHT_PER_TAP * c->taps.count);
    NearTaps *near = value_distances(dump, c, sought, s.free_taps);
    PaddingRows rows = padding_rows_of(c->inputs, model_config(c->model));
    Proposals proposals = { .all = allocate_zeroed((size_t)dump_count(dump) + 1, sizeof(Proposal)),
                            .count = dump_count(dump) };
    for (int i = 0; i < proposals.count; i++) {
        Proposal *p = &proposals.all[i];
        *p = (Proposal){ .array = dump_array(dump, i), .by_name = -1, .by_shape = -1, .by_value = -1 };
        p->tap = own[i];
        if (p->tap >= 0) {
            Tap tap = tap_of(&c->taps.taps[p->tap]);
            RowMap row_map;
            p->fits = row_map_of(&rows, p->array, &tap, &row_map);
            p->advice = advice_for(p->array, &c->taps.taps[p->tap], c);
            continue;
        }
        p->is_sought = sought[i];
        if (!p->is_sought) continue;
        p->by_value = same_values(&s, p, &near[i]);
        p->by_name = nearest_tap(s.words, p->array->name, s.free_taps, &p->likeness);
        p->shape_count = want_fitting(&s, p->array);
        p->by_shape = nearest_tap(s.words, p->array->name, s.wanted, &p->by_shape_likeness);
        if (p->by_shape >= 0) p->advice = advice_for(p->array, &c->taps.taps[p->by_shape], c);
    }
    find_fused(&s, &proposals, dump);
    padding_rows_free(&rows);
    near_taps_free(near, dump_count(dump));
    free(sought);
    free(own);
    search_free(&s);
    return proposals;
}

void proposals_free(Proposals *proposals)
{
    free(proposals->all);
    *proposals = (Proposals){ .all = NULL };
}

static int by_name(const void *left, const void *right)
{
    const Proposal *a = left, *b = right;
    return strcmp(a->array->name, b->array->name);
}

const Proposal *proposals_find(const Proposals *proposals, const char *name)
{
    const Proposal key = { .array = &(Array){ .name = name } };
    return bsearch(&key, proposals->all, (size_t)proposals->count, sizeof key, by_name);
}

int *proposals_take(const Proposals *proposals, const Dump *dump, NamesCase *c, double least)
{
    Search s = search_of(dump, c);
    int *taken = allocate_zeroed((size_t)proposals->count + 1, sizeof *taken);
    for (int i = 0; i < proposals->count; i++) {
        const Proposal *p = &proposals->all[i];
        taken[i] = p->tap < 0 && p->by_value >= 0 && s.free_taps[p->by_value] ? p->by_value : -1;
        if (taken[i] >= 0) s.free_taps[taken[i]] = false;
    }
    for (int i = 0; i < proposals->count; i++)
        for (int k = 0; k < proposals->all[i].fused.count; k++) s.free_taps[proposals->all[i].fused.taps[k]] = false;
    for (;;) {
        int best = -1, best_tap = -1;
        double likest = 0;
        for (int i = 0; i < proposals->count; i++) {
            const Proposal *p = &proposals->all[i];
            double likeness;
            if (p->tap >= 0 || taken[i] >= 0 || p->fused.count > 0 || p->by_shape_likeness < least ||
                want_fitting(&s, p->array) == 0)
                continue;
            int tap = nearest_tap(s.words, p->array->name, s.wanted, &likeness);
            if (tap < 0 || likeness < least || likeness <= likest) continue;
            best = i;
            best_tap = tap;
            likest = likeness;
        }
        if (best < 0) break;
        taken[best] = best_tap;
        s.free_taps[best_tap] = false;
    }
    search_free(&s);
    return taken;
}
