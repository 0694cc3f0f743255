/* name_map.c - each array finds its entry, each entry makes its taps */
#include "names/name_map.h"

#include <stdlib.h>
#include <string.h>

#include "dump/decode_steps.h"
#include "dump/tap_name.h"
#include "names/rule_list.h"
#include "names/rule_steps.h"

/* An array and the name of the entry's that it fits */
typedef struct {
    const Array *array;
    int rule, pattern; /* -1: none */
    Captured captured;
} Source;

typedef struct {
    Array array;
    const char *from;
} Made;

struct NameMap {
    RuleList rules;
    Source *sources;
    int source_count;
    Made *made;
    int made_count;
    Fate *fates;
    int fate_count;
    const char **unused;
};

NameMap *name_map_open(const char *path, Complaints *complaints)
{
    NameMap *map = allocate_zeroed(1, sizeof *map);
    int before = complaints->count;
    map->rules = rule_list_open(path, complaints);
    if (complaints->count == before) return map;
    name_map_close(map);
    return NULL;
}

void name_map_close(NameMap *map)
{
    if (!map) return;
    rule_list_free(&map->rules);
    free(map->sources);
    free(map->made);
    free(map->fates);
    free(map->unused);
    free(map);
}

/* ---------------------------------------------------------------- applied */

/* One application needs these besides the map. */
typedef struct {
    NameMap *map;
    Dump *dump;
    NamesCase *names_case;
    Complaints *complaints;
} Application;

static const NameRule *rule_of(const NameMap *map, const Source *source)
{
    return source->rule < 0 ? NULL : &map->rules.rules[source->rule];
}

static void add_fate(NameMap *map, const Source *source, const char *tap)
{
    map->fates = grown(map->fates, map->fate_count, sizeof *map->fates);
    const NameRule *rule = rule_of(map, source);
    map->fates[map->fate_count++] = (Fate){ *source->array, rule ? rule->patterns[0] : NULL, tap };
}

static void add_made(NameMap *map, Array array, const char *tap, const char *from)
{
    map->made = grown(map->made, map->made_count, sizeof *map->made);
    array.name = tap;
    map->made[map->made_count++] = (Made){ array, from };
}

/* Captured numbers in order: which of a gathered tap's sources comes first */
static int by_place(const void *left, const void *right)
{
    const Source *a = *(const Source *const *)left, *b = *(const Source *const *)right;
    if (a->pattern != b->pattern) return a->pattern < b->pattern ? -1 : 1;
    for (int i = 0; i < a->captured.number_count && i < b->captured.number_count; i++) {
        long long x = captured_number(&a->captured, i), y = captured_number(&b->captured, i);
        if (x != y) return x < y ? -1 : 1;
    }
    return strcmp(a->array->name, b->array->name);
}

static RuleUse use_of(const Application *a, const Source *source)
{
    return (RuleUse){ rule_of(a->map, source), &source->captured, a->names_case, dump_arena(a->dump) };
}

static const char *first_tap(const Application *a, const Source *source)
{
    RuleUse use = use_of(a, source);
    return rule_tap(&use, use.rule->taps[0], 0);
}

static bool gathers(const NameRule *rule)
{
    for (int i = 0; i < rule->step_count; i++)
        if (layout_gathers(rule->steps[i].kind)) return true;
    return false;
}

static bool splits(const NameRule *rule)
{
    for (int i = 0; i < rule->step_count; i++)
        if (layout_parts(rule->steps[i].kind)) return true;
    return false;
}

/* One rule on the sources of one tap, of which there are several only where the rule gathers */
static void make(const Application *a, const Source *const *sources, int count)
{
    NameMap *map = a->map;
    const NameRule *rule = rule_of(map, sources[0]);
    Arena *arena = dump_arena(a->dump);
    Bundle bundle = { .arrays = arena_allocate(arena, (size_t)count * sizeof(Array)),
                      .taps = arena_allocate(arena, (size_t)count * sizeof(char *)),
                      .count = count };
    for (int i = 0; i < count; i++) {
        bundle.arrays[i] = *sources[i]->array;
        bundle.taps[i] = splits(rule) ? NULL : first_tap(a, sources[0]);
    }
    const LayoutStep *at = NULL;
    RuleUse use = use_of(a, sources[0]);
    const char *wrong = rule_steps_run(&use, &bundle, &at);
    if (wrong) {
        complain(a->complaints, "%s: %s: %s: %s: %s", map->rules.path, rule->patterns[0], layout_name(at->kind),
                 sources[0]->array->name, wrong);
        return;
    }
    for (int i = 0; i < bundle.count; i++) {
        if (bundle.taps[i]) add_made(map, bundle.arrays[i], bundle.taps[i], sources[0]->array->name);
        for (int s = 0; bundle.taps[i] && s < count; s++) add_fate(map, sources[s], bundle.taps[i]);
    }
}

/* All sources of the rule that fill its tap alike, from this one on; those before it have been made with theirs. */
static void make_gathered(const Application *a, int first)
{
    const NameMap *map = a->map;
    const Source **group = allocate_zeroed((size_t)map->source_count, sizeof *group);
    const char *tap = first_tap(a, &map->sources[first]);
    int count = 0;
    for (int i = 0; i < map->source_count; i++) {
        const Source *source = &map->sources[i];
        if (source->rule != map->sources[first].rule || strcmp(first_tap(a, source), tap) != 0) continue;
        group[count++] = source;
    }
    bool made_before = group[0] != &map->sources[first];
    qsort(group, (size_t)count, sizeof *group, by_place);
    if (!made_before) make(a, group, count);
    free(group);
}

/* Decode steps by the names alone, before any array is laid out. 0 where they are too many, which is complained of. */
static int new_tokens(const Application *a)
{
    int most = 0, count = 0;
    Error too_many = { "" };
    const char **taps = allocate_zeroed((size_t)a->map->source_count + 1, sizeof *taps);
    for (int i = 0; i < a->map->source_count; i++) {
        const Source *source = &a->map->sources[i];
        const NameRule *rule = rule_of(a->map, source);
        const char *tap = rule ? rule->tap_count ? first_tap(a, source) : NULL : source->array->name;
        if (tap && tap_step(tap) >= most) most = tap_is_token(tap) ? tap_run(tap) : tap_step(tap) + 1;
        if (tap) taps[count++] = tap;
    }
    if (!decode_steps_are_held(taps, count, count > 0 ? a->map->sources[0].array->file : "", &too_many))
        complain(a->complaints, "%s", too_many.message);
    free(taps);
    return most > 1 && !error_is_set(&too_many) ? most : 0;
}

static int by_tap(const void *left, const void *right)
{
    return strcmp(((const Made *)left)->array.name, ((const Made *)right)->array.name);
}

static void check_sources(const Application *a)
{
    NameMap *map = a->map;
    if (map->made_count > 0) qsort(map->made, (size_t)map->made_count, sizeof *map->made, by_tap);
    for (int i = 1; i < map->made_count; i++)
        if (by_tap(&map->made[i - 1], &map->made[i]) == 0)
            complain(a->complaints, "%s: %s: found two sources, %s and %s, expected one", map->rules.path,
                     map->made[i].array.name, map->made[i - 1].from, map->made[i].from);
}

static void list_unused(NameMap *map)
{
    int count = 0;
    map->unused = allocate_zeroed((size_t)map->rules.count + 1, sizeof *map->unused);
    for (int r = 0; r < map->rules.count; r++) {
        bool used = map->rules.rules[r].optional;
        for (int i = 0; i < map->source_count && !used; i++) used = map->sources[i].rule == r;
        if (!used) map->unused[count++] = map->rules.rules[r].patterns[0];
    }
}

static void make_taps(const Application *a)
{
    NameMap *map = a->map;
    for (int i = 0; i < map->source_count; i++) {
        const Source *source = &map->sources[i];
        const NameRule *rule = rule_of(map, source);
        if (!rule) {
            add_made(map, *source->array, source->array->name, source->array->name);
            add_fate(map, source, source->array->name);
        } else if (rule->drop) {
            add_fate(map, source, NULL);
        } else if (gathers(rule)) {
            make_gathered(a, i);
        } else {
            make(a, &source, 1);
        }
    }
}

void name_map_apply(NameMap *map, Dump *dump, NamesCase *names_case, Complaints *complaints)
{
    Application a = { map, dump, names_case, complaints };
    int before = complaints->count, used = 0;
    map->source_count = dump_count(dump);
    map->sources = allocate_zeroed((size_t)map->source_count + 1, sizeof *map->sources);
    for (int i = 0; i < map->source_count; i++) {
        Source *source = &map->sources[i];
        source->array = dump_array(dump, i);
        source->rule = rule_list_find(&map->rules, source->array->name, &source->pattern, &source->captured);
        used += source->rule >= 0;
    }
    list_unused(map);
    if (names_case) names_case->max_new_tokens = new_tokens(&a);
    make_taps(&a);
    check_sources(&a);
    if (used == 0 && map->rules.count > 0)
        complain(complaints, "%s: found no entry that fits an array of the dump, expected some (its first is %s)",
                 map->rules.path, map->source_count ? map->sources[0].array->name : "none");
    if (complaints->count > before) return;

    Array *arrays = arena_allocate(dump_arena(dump), (size_t)(map->made_count + 1) * sizeof *arrays);
    for (int i = 0; i < map->made_count; i++) arrays[i] = map->made[i].array;
    dump_replace(dump, arrays, map->made_count);
}

int name_map_fates(const NameMap *map, const Fate **fates)
{
    *fates = map->fates;
    return map->fate_count;
}

const char *const *name_map_unused(const NameMap *map) { return map->unused; }
