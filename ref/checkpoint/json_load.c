/* json_load.c - jansson, behind the limits that it does not have */
#include "checkpoint/json_load.h"

#include <stdbool.h>

#include "checkpoint/file_limits.h"
#include "checkpoint/regular_file.h"
#include "run/arena.h"

/* How deep brackets are nested outside of strings; at least that, where the text is no JSON. */
static int64_t depth_of(const char *bytes, size_t size)
{
    int64_t depth = 0, deepest = 0;
    bool in_string = false;
    for (size_t i = 0; i < size; i++) {
        if (in_string && bytes[i] == '\\')
            i++;
        else if (bytes[i] == '"')
            in_string = !in_string;
        else if (!in_string && (bytes[i] == '[' || bytes[i] == '{') && ++depth > deepest)
            deepest = depth;
        else if (!in_string && (bytes[i] == ']' || bytes[i] == '}'))
            depth--;
    }
    return deepest;
}

json_t *json_parse_object(const char *bytes, size_t size, const char *what, const char *expected, Error *error)
{
    if (size > (size_t)file_limits.json_bytes) {
        error_set(error, "%s: found %zu bytes of JSON, expected at most %lld (--max-json)", what, size,
                  (long long)file_limits.json_bytes);
        return NULL;
    }
    int64_t depth = depth_of(bytes, size);
    if (depth > file_limits.json_depth) {
        error_set(error, "%s: found JSON that is nested %lld deep, expected at most %lld (--max-json-depth)", what,
                  (long long)depth, (long long)file_limits.json_depth);
        return NULL;
    }
    json_error_t why;
    json_t *json = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, &why);
    if (!json)
        error_set(error, "%s: found invalid JSON (line %d: %s), expected %s", what, why.line, why.text, expected);
    else if (!json_is_object(json))
        error_set(error, "%s: found JSON that is not an object, expected %s", what, expected);
    if (!error_is_set(error)) return json;
    json_decref(json);
    return NULL;
}

json_t *json_load_object(const char *path, const char *expected, Error *error)
{
    Arena arena = { 0 };
    size_t size;
    const char *text = regular_file_read(path, (ExpectedFile){ expected, file_limits.json_bytes, "--max-json" }, &size,
                                         &arena, error);
    json_t *json = text ? json_parse_object(text, size, path, expected, error) : NULL;
    arena_free(&arena);
    return json;
}
