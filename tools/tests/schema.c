/* schema.c - a part of JSON Schema 2020-12 */
#include "schema.h"

#include <string.h>

#include "command.h"

static const char *type_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT: return "object";
    case JSON_ARRAY: return "array";
    case JSON_STRING: return "string";
    case JSON_INTEGER: return "integer";
    case JSON_REAL: return "number";
    case JSON_NULL: return "null";
    default: return "boolean";
    }
}

static bool is_named(const json_t *type, const json_t *value)
{
    const char *name = json_string_value(type);
    return strcmp(name, type_of(value)) == 0 || (strcmp(name, "number") == 0 && json_is_integer(value));
}

static bool has_type(const json_t *type, const json_t *value)
{
    if (!type) return true;
    if (json_is_string(type)) return is_named(type, value);
    for (size_t i = 0; i < json_array_size(type); i++)
        if (is_named(json_array_get(type, i), value)) return true;
    return false;
}

static bool is_among(const json_t *values, const json_t *value)
{
    for (size_t i = 0; i < json_array_size(values); i++)
        if (json_equal(json_array_get(values, i), value)) return true;
    return !values;
}

static void follow(const json_t *root, const json_t *schema, const json_t *value, const char *path);

static void follow_object(const json_t *root, const json_t *schema, const json_t *value, const char *path)
{
    size_t i;
    const json_t *name, *properties = json_object_get(schema, "properties"),
                        *others = json_object_get(schema, "additionalProperties");
    json_array_foreach(json_object_get(schema, "required"), i, name) ck_assert_msg(
        json_object_get(value, json_string_value(name)) != NULL, "%s has no %s", path, json_string_value(name));
    const char *key;
    json_t *inner;
    json_object_foreach((json_t *)value, key, inner)
    {
        const json_t *known = json_object_get(properties, key);
        ck_assert_msg(known || !json_is_false(others), "%s: %s is not in docs/report.schema.json", path, key);
        if (!known) known = others;
        if (json_is_object(known)) follow(root, known, inner, arena_format(&scratch, "%s.%s", path, key));
    }
}

static void follow(const json_t *root, const json_t *schema, const json_t *value, const char *path)
{
    const char *reference = json_string_value(json_object_get(schema, "$ref"));
    if (reference) {
        ck_assert_ptr_eq(strstr(reference, "#/$defs/"), reference);
        schema = json_object_get(json_object_get(root, "$defs"), reference + strlen("#/$defs/"));
        ck_assert_msg(schema != NULL, "there is no %s", reference);
    }
    const json_t *only = json_object_get(schema, "const");
    ck_assert_msg(has_type(json_object_get(schema, "type"), value), "%s is of another type, %s", path, type_of(value));
    ck_assert_msg(!only || json_equal(only, value), "%s is another value", path);
    ck_assert_msg(is_among(json_object_get(schema, "enum"), value), "%s is none of the values", path);
    if (json_is_object(value)) follow_object(root, schema, value, path);
    const json_t *items = json_object_get(schema, "items");
    for (size_t i = 0; items && i < json_array_size(value); i++)
        follow(root, items, json_array_get(value, i), arena_format(&scratch, "%s[%zu]", path, i));
}

void assert_follows_schema(const json_t *root, const json_t *value) { follow(root, root, value, "report"); }
