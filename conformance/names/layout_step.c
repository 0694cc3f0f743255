/* layout_step.c - a reader for each operation */
#include "names/layout_step.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef const char *Read(const json_t *value, LayoutStep *step, Arena *arena);

const char *const layout_names = "concat, stack, split, unstack, reshape, merge, permute, select, squeeze, rows, "
                                 "scale and cast";

/* Sums and products of two of these are no larger than an int64_t holds, and no array has more places. */
static const int64_t largest_number = (int64_t)1 << 30;

static bool is_number(const json_t *value, int64_t least)
{
    return json_is_integer(value) && json_integer_value(value) >= least && json_integer_value(value) <= largest_number;
}

static bool is_axis(const json_t *value)
{
    return json_is_integer(value) && json_integer_value(value) >= -ARRAY_MAX_RANK &&
           json_integer_value(value) < ARRAY_MAX_RANK;
}

/* Whole numbers from least on; false: something else, none, or too many */
static bool read_numbers(const json_t *list, int64_t least, LayoutStep *step)
{
    size_t i;
    json_t *number;
    if (json_array_size(list) == 0 || json_array_size(list) > ARRAY_MAX_RANK) return false;
    json_array_foreach(list, i, number)
    {
        if (!is_number(number, least)) return false;
        step->values[step->value_count++] = json_integer_value(number);
    }
    return true;
}

/* Whether each key of the object is one of the list, which ends in NULL */
static bool has_only(const json_t *object, const char *const *keys)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        int i = 0;
        while (keys[i] && strcmp(keys[i], key) != 0) i++;
        if (!keys[i]) return false;
    }
    return true;
}
#define HAS_ONLY(object, ...) has_only(object, (const char *const[]){ __VA_ARGS__, NULL })

static const char *read_axis(const json_t *value, LayoutStep *step, Arena *arena)
{
    (void)arena;
    if (!is_axis(value)) return "found no axis, expected a whole number, -1 for the last";
    step->axis = json_integer_value(value);
    return NULL;
}

static const char *read_split(const json_t *value, LayoutStep *step, Arena *arena)
{
    const json_t *shares = json_object_get(value, "shares");
    if (json_is_integer(value)) return read_axis(value, step, arena);
    if (!json_is_object(value) || !HAS_ONLY(value, "axis", "shares") || !is_axis(json_object_get(value, "axis")) ||
        !read_numbers(shares, 1, step))
        return "found something else, expected an axis, or {\"axis\": -1, \"shares\": [2, 1, 1]}";
    step->axis = json_integer_value(json_object_get(value, "axis"));
    return NULL;
}

static const char *read_unstack(const json_t *value, LayoutStep *step, Arena *arena)
{
    const json_t *first = json_object_get(value, "first"), *by = json_object_get(value, "step");
    step->step = 1;
    if (json_is_integer(value)) return read_axis(value, step, arena);
    if (!json_is_object(value) || !HAS_ONLY(value, "axis", "first", "step") ||
        !is_axis(json_object_get(value, "axis")) || (first && !is_number(first, 0)) || (by && !is_number(by, 1)))
        return "found something else, expected an axis, or {\"axis\": 0, \"first\": 5, \"step\": 6}";
    step->axis = json_integer_value(json_object_get(value, "axis"));
    step->begin = json_integer_value(first);
    if (by) step->step = json_integer_value(by);
    return NULL;
}

static const char *read_shape(const json_t *value, LayoutStep *step, Arena *arena)
{
    (void)arena;
    int open = 0;
    if (!read_numbers(value, -1, step))
        return "found no shape, expected whole numbers, 0 to keep and one -1 for the rest";
    for (int i = 0; i < step->value_count; i++) open += step->values[i] < 0;
    return open > 1 ? "found several -1, expected one" : NULL;
}

static const char *read_merge(const json_t *value, LayoutStep *step, Arena *arena)
{
    (void)arena;
    if (json_array_size(value) != 2 || !is_axis(json_array_get(value, 0)) || !is_axis(json_array_get(value, 1)))
        return "found something else, expected the first and the last of adjoining axes, [2, 3]";
    step->first = json_integer_value(json_array_get(value, 0));
    step->count = json_integer_value(json_array_get(value, 1));
    return NULL;
}

static const char *read_order(const json_t *value, LayoutStep *step, Arena *arena)
{
    unsigned seen = 0;
    bool numbers = read_numbers(value, 0, step);
    for (int i = 0; numbers && i < step->value_count; i++)
        if (step->values[i] < step->value_count) seen |= 1u << step->values[i];
    if (numbers && seen == (1u << step->value_count) - 1) return NULL;
    return arena_format(arena, "found another order, expected each of the dimensions once, as [0, 2, 1, 3]");
}

static const char *read_select(const json_t *value, LayoutStep *step, Arena *arena)
{
    (void)arena;
    const json_t *index = json_object_get(value, "index"), *first = json_object_get(value, "first"),
                 *count = json_object_get(value, "count");
    bool one = is_number(index, -largest_number) && !first && !count;
    bool several = !index && is_number(first, -largest_number) && is_number(count, 1);
    if (!is_axis(json_object_get(value, "axis")) || !HAS_ONLY(value, "axis", "index", "first", "count") ||
        (!one && !several))
        return "found something else, expected {\"axis\": 0, \"index\": 1} or "
               "{\"axis\": 0, \"first\": 2, \"count\": 3}";
    step->axis = json_integer_value(json_object_get(value, "axis"));
    step->first = json_integer_value(one ? index : first);
    step->count = json_integer_value(count);
    return NULL;
}

static const char *read_rows(const json_t *value, LayoutStep *step, Arena *arena)
{
    (void)arena;
    const char *of = json_string_value(value);
    if (!of || (strcmp(of, "tokens") != 0 && strcmp(of, "images") != 0))
        return "found something else, expected \"tokens\" or \"images\"";
    step->rows = strcmp(of, "tokens") == 0 ? ROWS_TOKENS : ROWS_IMAGES;
    return NULL;
}

/* A number, or "hidden_size^-0.5" */
static const char *read_scale(const json_t *value, LayoutStep *step, Arena *arena)
{
    const char *wrong = "found something else, expected a number other than 0, or a key of the configuration and a "
                        "power, \"hidden_size^-0.5\"";
    const char *text = json_string_value(value), *power = text ? strchr(text, '^') : NULL;
    char *end = NULL;
    step->factor = power ? strtod(power + 1, &end) : json_number_value(value);
    if (power) step->key = arena_format(arena, "%.*s", (int)(power - text), text);
    bool good = power ? end > power + 1 && *end == '\0' && *step->key : json_is_number(value);
    return good && isfinite(step->factor) && step->factor != 0 ? NULL : wrong;
}

static const char *read_dtype(const json_t *value, LayoutStep *step, Arena *arena)
{
    static const struct {
        const char *name;
        Dtype dtype;
    } known[] = { { "fp64", DTYPE_F64 },  { "fp32", DTYPE_F32 },  { "fp16", DTYPE_F16 },
                  { "bf16", DTYPE_BF16 }, { "int64", DTYPE_I64 }, { "bool", DTYPE_BOOL } };
    (void)arena;
    for (size_t i = 0; json_is_string(value) && i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, json_string_value(value)) == 0) {
            step->dtype = known[i].dtype;
            return NULL;
        }
    return "found something else, expected fp64, fp32, fp16, bf16, int64 or bool";
}

static const struct {
    const char *name;
    Read *read;
} kinds[LAYOUT_COUNT] = {
    [LAYOUT_CONCAT] = { "concat", read_axis },    [LAYOUT_STACK] = { "stack", read_axis },
    [LAYOUT_SPLIT] = { "split", read_split },     [LAYOUT_UNSTACK] = { "unstack", read_unstack },
    [LAYOUT_RESHAPE] = { "reshape", read_shape }, [LAYOUT_MERGE] = { "merge", read_merge },
    [LAYOUT_PERMUTE] = { "permute", read_order }, [LAYOUT_SELECT] = { "select", read_select },
    [LAYOUT_SQUEEZE] = { "squeeze", read_axis },  [LAYOUT_ROWS] = { "rows", read_rows },
    [LAYOUT_SCALE] = { "scale", read_scale },     [LAYOUT_CAST] = { "cast", read_dtype },
};

const char *layout_name(LayoutKind kind) { return kinds[kind].name; }
bool layout_gathers(LayoutKind kind) { return kind == LAYOUT_CONCAT || kind == LAYOUT_STACK; }
bool layout_parts(LayoutKind kind) { return kind == LAYOUT_SPLIT || kind == LAYOUT_UNSTACK; }

static int kind_of(const char *key)
{
    for (int kind = 0; kind < LAYOUT_COUNT; kind++)
        if (strcmp(kinds[kind].name, key) == 0) return kind;
    return -1;
}

bool layout_is_known(const char *key) { return kind_of(key) >= 0; }

const char *layout_step_read(const char *key, const json_t *value, LayoutStep *step, Arena *arena)
{
    assert(layout_is_known(key));
    *step = (LayoutStep){ .kind = (LayoutKind)kind_of(key) };
    return kinds[step->kind].read(value, step, arena);
}
