/* fuzz_json.c - mutants of JSON that are JSON */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"

static unsigned draw(unsigned *seed, unsigned below)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % (below ? below : 1);
}

/* Numbers at the ends of what types hold, and what JSON has besides numbers */
static json_t *another_value(unsigned *seed)
{
    static const json_int_t integers[] = { 0,
                                           1,
                                           -1,
                                           2,
                                           7,
                                           1 << 10,
                                           (1 << 10) + 1,
                                           1 << 14,
                                           1 << 24,
                                           (1 << 24) + 1,
                                           INT32_MAX,
                                           INT32_MIN,
                                           1LL << 32,
                                           1LL << 40,
                                           (1LL << 40) + 1,
                                           1LL << 60,
                                           INT64_MAX,
                                           INT64_MIN };
    static const double reals[] = { 0.5, -0.0, 1e-6, 1e-320, 1e308, -1e308, 1e38, 2.5 };
    static const char *const strings[] = { "", "default", "F32", "BF16", "..", "/", "{}", "%s", "model.layers.{}" };
    switch (draw(seed, 8)) {
    case 0: return json_null();
    case 1: return json_boolean(draw(seed, 2));
    case 2: return json_real(reals[draw(seed, sizeof reals / sizeof *reals)]);
    case 3: return json_string(strings[draw(seed, sizeof strings / sizeof *strings)]);
    case 4: return json_array();
    case 5: return json_object();
    default: return json_integer(integers[draw(seed, sizeof integers / sizeof *integers)]);
    }
}

static void mutate_object(json_t *object, unsigned *seed);
static void mutate_array(json_t *array, unsigned *seed);

/* Goes down where it can, more often than not */
static bool went_down(json_t *value, unsigned *seed)
{
    bool holds = json_object_size(value) + json_array_size(value) > 0;
    if (!holds || draw(seed, 4) == 0) return false;
    if (json_is_object(value))
        mutate_object(value, seed);
    else
        mutate_array(value, seed);
    return true;
}

static void mutate_object(json_t *object, unsigned *seed)
{
    unsigned place = draw(seed, (unsigned)json_object_size(object));
    void *at = json_object_iter(object);
    while (at && place-- > 0) at = json_object_iter_next(object, at);
    if (!at) return;
    json_t *value = json_object_iter_value(at);
    if (went_down(value, seed)) return;
    char *key = strdup(json_object_iter_key(at));
    switch (draw(seed, 4)) {
    case 0: json_object_del(object, key); break;
    case 1: json_object_set_new(object, "another", json_deep_copy(value)); break;
    default: json_object_set_new(object, key, another_value(seed));
    }
    free(key);
}

static void mutate_array(json_t *array, unsigned *seed)
{
    size_t place = draw(seed, (unsigned)json_array_size(array));
    json_t *value = json_array_get(array, place);
    if (went_down(value, seed)) return;
    switch (draw(seed, 4)) {
    case 0: json_array_remove(array, place); break;
    case 1: json_array_append_new(array, json_deep_copy(value)); break;
    default: json_array_set_new(array, place, another_value(seed));
    }
}

size_t fuzz_mutate_json(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    json_t *json = seed % 4 ? json_loadb((const char *)data, size, 0, NULL) : NULL;
    if (!json) return LLVMFuzzerMutate(data, size, max_size);
    for (unsigned changes = 1 + draw(&seed, 3); changes > 0; changes--) went_down(json, &seed);
    char *text = json_dumps(json, JSON_COMPACT);
    size_t length = text ? strlen(text) : 0;
    bool fits = length > 0 && length <= max_size;
    if (fits) memcpy(data, text, length);
    free(text);
    json_decref(json);
    return fits ? length : LLVMFuzzerMutate(data, size, max_size);
}

size_t fuzz_mutate_parts(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    uint8_t *end = size ? memchr(data, 0, size) : NULL;
    size_t before = end && seed & 1 ? (size_t)(end - data) + 1 : 0;
    end = end ? memchr(data + before, 0, size - before) : NULL;
    size_t part = end ? (size_t)(end - data) - before : 0, rest = size - before - part;
    if (part == 0 || seed / 2 % 4 == 0) return LLVMFuzzerMutate(data, size, max_size);
    uint8_t *tail = malloc(rest);
    memcpy(tail, data + before + part, rest);
    part = fuzz_mutate_json(data + before, part, max_size - before - rest, seed / 8);
    memcpy(data + before + part, tail, rest);
    free(tail);
    return before + part + rest;
}
