/* part_words.c - numbers as ranges, sites by their names in a layer */
#include "diagnose/part_words.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_SAID = 4 }; /* sites without the bug */

int layer_of_step(const char *tap)
{
    const char *layers = strstr(tap, "layers.");
    return layers ? atoi(layers + strlen("layers.")) : -1;
}

const char *numbers_in_words(const char *noun, uint64_t numbers, Arena *arena)
{
    const char *list = "";
    int count = 0;
    for (int first = 0; first < MOST_UNITS; first++) {
        if (!(numbers >> first & 1)) continue;
        int last = first;
        while (last + 1 < MOST_UNITS && (numbers >> (last + 1) & 1)) last++;
        const char *range = last - first > 1 ? arena_format(arena, "%d to %d", first, last)
                            : last > first   ? arena_format(arena, "%d, %d", first, last)
                                             : arena_format(arena, "%d", first);
        list = arena_format(arena, "%s%s%s", list, count ? ", " : "", range);
        count += last - first + 1;
        first = last;
    }
    return arena_format(arena, "%s%s %s", noun, count > 1 ? "s" : "", list);
}

const char *units_in_words(Unit unit, uint64_t units, Arena *arena)
{
    static const char *const nouns[UNITS] = {
        [UNIT_SEQUENCE] = "sequence", [UNIT_PICTURE] = "picture", [UNIT_FRAME] = "frame",
        [UNIT_CLIP] = "clip",         [UNIT_HEAD] = "head",       [UNIT_EXPERT] = "expert",
    };
    return numbers_in_words(nouns[unit], units, arena);
}

/* Where the name of a site goes on behind the number of its layer; 0: it is in none */
static size_t layer_end(const char *name, size_t length)
{
    const char *layer = strstr(name, ".*");
    return layer && layer < name + length ? (size_t)(layer - name) + 2 : 0;
}

/* Whether all sites that are in layers are in those of one stack: the text's, or a tower's */
static bool are_of_one_stack(const char *sites, const char *more, Arena *arena)
{
    const char *all = arena_format(arena, "%s%s", sites, more), *first = NULL;
    size_t stack = 0;
    for (const char *name = all; *name; name += strcspn(name, " ")) {
        name++;
        size_t end = layer_end(name, strcspn(name, " "));
        if (end && first && (end != stack || strncmp(first, name, end) != 0)) return false;
        if (end) first = name;
        if (end) stack = end;
    }
    return true;
}

/* " model.layers.*.mlp.act_fn model.norm": the names behind the layer, or whole ones */
static const char *sites_in_words(const char *sites, bool whole, Arena *arena)
{
    const char *list = "";
    for (const char *name = sites; *name; name += strcspn(name, " ")) {
        name++;
        size_t length = strcspn(name, " "), skipped = whole ? 0 : layer_end(name, length);
        skipped += skipped && skipped < length;
        const char *said = arena_format(arena, "%.*s", (int)(length - skipped), name + skipped);
        list = arena_format(arena, "%s%s%s", list, *list ? ", " : "", *said ? said : "the layer's output");
    }
    return list;
}

static int count_sites(const char *sites)
{
    int count = 0;
    for (; *sites; sites++) count += *sites == ' ';
    return count;
}

const char *place_words(const BugPart *part, Arena *arena)
{
    if (part->sites) return arena_format(arena, "in %s", sites_in_words(part->sites, false, arena));
    if (part->layers) return arena_format(arena, "in %s", numbers_in_words("layer", part->layers, arena));
    return arena_format(arena, "in %s", units_in_words(part->unit, part->units, arena));
}

const char *part_words(const BugPart *part, const BugPart *rest, Arena *arena)
{
    if (!part->sites || !rest->sites) return arena_format(arena, "%s only", place_words(part, arena));
    bool whole = !are_of_one_stack(part->sites, rest->sites, arena);
    const char *in = sites_in_words(part->sites, whole, arena);
    if (count_sites(rest->sites) > MOST_SAID) return arena_format(arena, "in %s only", in);
    return arena_format(arena, "in %s, not in %s", in, sites_in_words(rest->sites, whole, arena));
}
