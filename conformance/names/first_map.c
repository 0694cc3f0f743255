/* first_map.c - makes patterns of names */
#include "names/first_map.h"

#include <ctype.h>
#include <string.h>

#include "dump/tap_name.h"

enum { MOST_NUMBERS = 8 };

/* The next number of a name, and what is before it; NULL: there is none */
static const char *next_number(const char *at, size_t *digits)
{
    while (*at && !isdigit((unsigned char)*at)) at++;
    *digits = strspn(at, "0123456789");
    return *digits ? at : NULL;
}

/* Whether number k of the name is number k of the tap, for all that the tap has: then both can have holes. A number of
 * the name behind those is part of its text. */
static int common_numbers(const char *name, const char *tap)
{
    int common = 0;
    size_t left, right;
    const char *n = next_number(name, &left), *t = next_number(tap, &right);
    while (n && t && left == right && strncmp(n, t, left) == 0) {
        common++;
        n = next_number(n + left, &left);
        t = next_number(t + right, &right);
    }
    return common;
}

/* The first numbers of a name as holes; "@k" of a run is left out, because an entry without it fits every run. */
static const char *with_holes(const char *name, int numbers, Arena *arena)
{
    const char *pattern = "", *end = name + tap_base_length(name);
    for (const char *at = name; at < end;) {
        size_t digits = strspn(at, "0123456789");
        if (digits > 0 && numbers > 0) {
            pattern = arena_format(arena, "%s{}", pattern);
            numbers--;
        } else {
            digits = digits ? digits : 1;
            pattern = arena_format(arena, "%s%.*s", pattern, (int)digits, at);
        }
        at += digits ? digits : 1;
    }
    return pattern;
}

static json_t *entry_of(const char *tap, const LayoutAdvice *advice)
{
    json_t *operation = layout_advice_json(advice);
    if (!operation) return json_string(tap);
    json_t *entry = json_pack("{s:s}", "tap", tap);
    json_object_update_new(entry, operation);
    return entry;
}

/* Whether the map says it of that pattern now */
static bool add_entry(json_t *map, const char *pattern, json_t *entry)
{
    json_t *there = json_object_get(map, pattern);
    if (there && !json_equal(there, entry)) {
        json_decref(entry);
        return false;
    }
    json_object_set_new(map, pattern, entry);
    return true;
}

void first_map_add(json_t *map, const char *name, const char *tap, const LayoutAdvice *advice, Arena *arena)
{
    for (int numbers = common_numbers(name, tap); numbers >= 0; numbers--)
        if (add_entry(map, with_holes(name, numbers, arena), entry_of(with_holes(tap, numbers, arena), advice))) return;
}

void first_map_add_split(json_t *map, const char *name, const char *const *taps, int count, Arena *arena)
{
    int common = common_numbers(name, taps[0]);
    for (int i = 1; i < count; i++)
        if (common_numbers(name, taps[i]) < common) common = common_numbers(name, taps[i]);
    for (int numbers = common; numbers >= 0; numbers--) {
        json_t *parts = json_array();
        for (int i = 0; i < count; i++) json_array_append_new(parts, json_string(with_holes(taps[i], numbers, arena)));
        json_t *entry = json_pack("{s:i, s:o}", "split", -1, "taps", parts);
        if (add_entry(map, with_holes(name, numbers, arena), entry)) return;
    }
}
