/* config.c - typed access to config.json */
#include "checkpoint/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/json_load.h"

enum { LARGEST_COUNT = 1 << 24 };

/* The keys whose counts are multiplied with others: their products stay within int, and layers within memory. */
static const struct {
    const char *key;
    int most;
} bounds[] = {
    { "num_hidden_layers", 1 << 10 },
    { "num_attention_heads", 1 << 10 },
    { "num_key_value_heads", 1 << 10 },
    { "num_global_key_value_heads", 1 << 10 },
    { "head_dim", 1 << 14 },
    { "global_head_dim", 1 << 14 },
    { "num_experts", 1 << 14 },
    { "hidden_size_per_layer_input", 1 << 14 },
    { "patch_size", 1 << 10 },
    { "pooling_kernel_size", 1 << 4 },
    { "mm_embed_dim", 1 << 20 },
    { "audio_embed_dim", 1 << 20 },
    { "sampling_rate", 1 << 20 },
    { "audio_samples_per_token", 1 << 20 },
};

static int bound_of(const char *key)
{
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
        if (strcmp(key, bounds[i].key) == 0) return bounds[i].most;
    return LARGEST_COUNT;
}

json_t *config_open(const char *file, Error *error)
{
    return json_load_object(file, "a Hugging Face configuration", error);
}

bool config_has(ConfigReader at, const char *key)
{
    const json_t *value = json_object_get(at.object, key);
    return value && !json_is_null(value);
}

void config_refuse(ConfigReader at, const char *key, const char *found, const char *expected)
{
    error_set(at.error, "%s: %s%s%s: found %s, expected %s", at.file, at.path, *at.path ? "." : "", key, found,
              expected);
}

/* The value at key if accepted says so, otherwise NULL and the error. */
static const json_t *get(ConfigReader at, const char *key, bool accepted, const char *expected)
{
    if (error_is_set(at.error)) return NULL;
    const json_t *value = json_object_get(at.object, key);
    if (value && accepted) return value;
    char *found = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    char shown[64];
    snprintf(shown, sizeof shown, "%s", value ? found : "no such key");
    config_refuse(at, key, shown, expected);
    free(found);
    return NULL;
}

ConfigReader config_child(ConfigReader at, const char *key)
{
    const json_t *value = json_object_get(at.object, key);
    return (ConfigReader){ at.file, key, get(at, key, json_is_object(value), "an object"), at.error };
}

static int whole(ConfigReader at, const char *key, int least, int most)
{
    const json_t *value = json_object_get(at.object, key);
    const json_int_t count = json_integer_value(value);
    char expected[64];
    snprintf(expected, sizeof expected, "a whole number from %d to %d", least, most);
    value = get(at, key, json_is_integer(value) && count >= least && count <= most, expected);
    return value ? (int)count : least;
}

int config_count(ConfigReader at, const char *key) { return whole(at, key, 1, bound_of(key)); }

int config_count_at_most(ConfigReader at, const char *key, int most)
{
    const int bound = bound_of(key);
    return whole(at, key, 1, most < bound ? most : bound);
}

double config_number(ConfigReader at, const char *key)
{
    const json_t *value = json_object_get(at.object, key);
    return json_number_value(get(at, key, json_is_number(value), "a number"));
}

bool config_bool(ConfigReader at, const char *key)
{
    const json_t *value = json_object_get(at.object, key);
    return json_is_true(get(at, key, json_is_boolean(value), "true or false"));
}

const char *config_string(ConfigReader at, const char *key)
{
    const json_t *value = json_object_get(at.object, key);
    value = get(at, key, json_is_string(value), "a string");
    return value ? json_string_value(value) : "";
}

int config_count_or(ConfigReader at, const char *key, int otherwise)
{
    return config_has(at, key) ? config_count(at, key) : otherwise;
}

int config_whole_or(ConfigReader at, const char *key, int otherwise)
{
    return config_has(at, key) ? whole(at, key, 0, bound_of(key)) : otherwise;
}

double config_number_or(ConfigReader at, const char *key, double otherwise)
{
    return config_has(at, key) ? config_number(at, key) : otherwise;
}

bool config_bool_or(ConfigReader at, const char *key, bool otherwise)
{
    return config_has(at, key) ? config_bool(at, key) : otherwise;
}

const char *config_string_or(ConfigReader at, const char *key, const char *otherwise)
{
    return config_has(at, key) ? config_string(at, key) : otherwise;
}
