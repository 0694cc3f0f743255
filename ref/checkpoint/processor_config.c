/* processor_config.c - which file and which object of it sets a processor */
#include "checkpoint/processor_config.h"

#include <string.h>
#include <unistd.h>

static const char *first_key(const json_t *whole, const char *const *keys)
{
    while (*keys && !json_object_get(whole, *keys)) keys++;
    return *keys;
}

json_t *processor_config_open(const char *folder, const char *const *keys, const char *const *files, ConfigReader *at,
                              Arena *arena)
{
    for (; *files && !error_is_set(at->error); files++) {
        at->file = arena_format(arena, "%s/%s", folder, *files);
        at->path = "";
        if (access(at->file, F_OK) != 0) continue;
        json_t *whole = config_open(at->file, at->error);
        at->object = whole;
        bool nested = strcmp(*files, "processor_config.json") == 0;
        const char *key = nested ? first_key(whole, keys) : NULL;
        if (key) *at = config_child(*at, key);
        if (whole && (key || !nested)) return whole;
        json_decref(whole);
    }
    return NULL;
}
