/* part_words.c - numbers as ranges, sites by their names in a layer */
#include "diagnose/part_words.h"

#include <stdlib.h>
#include <string.h>

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

/* " model.layers.*.mlp.act_fn model.norm": the names behind the layer, or whole ones */
static const char *sites_in_words(const char *sites, Arena *arena)
{
    static const char output[] = "the layer's output";
    const char *list = "";
    while (*sites) {
        const char *name = sites + 1, *end = name + strcspn(name, " ");
        const char *layer = strstr(name, ".*");
        if (layer && layer < end) name = layer + 2 + (layer[2] == '.');
        const char *said = name == end ? output : arena_format(arena, "%.*s", (int)(end - name), name);
        list = arena_format(arena, "%s%s%s", list, *list ? ", " : "", said);
        sites = end;
    }
    return list;
}

const char *part_words(const BugPart *part, const BugPart *rest, Arena *arena)
{
    if (part->sites)
        return arena_format(arena, "in %s, not in %s", sites_in_words(part->sites, arena),
                            sites_in_words(rest->sites, arena));
    if (part->layers) return arena_format(arena, "in %s only", numbers_in_words("layer", part->layers, arena));
    const char *noun = part->unit == UNIT_HEAD ? "head" : "picture";
    return arena_format(arena, "in %s only", numbers_in_words(noun, part->units, arena));
}
