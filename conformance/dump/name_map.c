/* name_map.c - applies a map of names */
#include "dump/name_map.h"

#include <jansson.h>
#include <string.h>

#include "checkpoint/json_load.h"
#include "dump/npy.h"

/* Whether name fits pattern; the digits that stood for "{}" go to number, which holds size bytes. */
static bool matches(const char *pattern, const char *name, char *number, size_t size)
{
    number[0] = '\0';
    while (*pattern) {
        if (strncmp(pattern, "{}", 2) == 0) {
            size_t digits = strspn(name, "0123456789");
            if (digits == 0 || digits >= size || number[0]) return false;
            memcpy(number, name, digits);
            number[digits] = '\0';
            name += digits;
            pattern += 2;
        } else if (*pattern++ != *name++) {
            return false;
        }
    }
    return *name == '\0';
}

static const char *with_number(const char *pattern, const char *number, Arena *arena)
{
    const char *place = strstr(pattern, "{}");
    if (!place) return arena_format(arena, "%s", pattern);
    return arena_format(arena, "%.*s%s%s", (int)(place - pattern), pattern, number, place + 2);
}

static void permute(Array *array, const json_t *order, const char *path, Arena *arena, Error *error)
{
    int axes[ARRAY_MAX_RANK], rank = array->rank;
    unsigned seen = 0;
    for (int i = 0; i < rank; i++) {
        const json_t *axis = json_array_get(order, (size_t)i);
        json_int_t value = json_is_integer(axis) ? json_integer_value(axis) : -1;
        axes[i] = value < rank ? (int)value : -1;
        if (value >= 0 && value < rank) seen |= 1u << value;
    }
    if (json_array_size(order) != (size_t)rank || seen != (1u << rank) - 1)
        error_set(error, "%s: %s: permute: found another order, expected each of the %d dimensions once", path,
                  array->name, rank);
    else
        *array = array_permuted(array, axes, arena);
}

void name_map_apply(const char *path, Array *arrays, int count, Arena *arena, Error *error)
{
    json_t *map = json_load_object(path, "a map of names", error);
    for (int i = 0; i < count && !error_is_set(error); i++) {
        const char *pattern;
        json_t *entry;
        char number[24];
        json_object_foreach(map, pattern, entry)
        {
            if (!matches(pattern, arrays[i].name, number, sizeof number)) continue;
            const json_t *order = json_object_get(entry, "permute");
            const char *tap = json_string_value(json_is_string(entry) ? entry : json_object_get(entry, "tap"));
            if (!tap) error_set(error, "%s: %s: found no tap, expected a name", path, pattern);
            if (order && !error_is_set(error)) permute(&arrays[i], order, path, arena, error);
            if (tap) arrays[i].name = with_number(tap, number, arena);
            break;
        }
    }
    json_decref(map);
}
