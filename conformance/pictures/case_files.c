/* case_files.c - names of case.json become paths */
#include "pictures/case_files.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checkpoint/json_load.h"

json_t *case_json_open(const char *folder, ConfigReader *at, Arena *arena, Error *error)
{
    *at = (ConfigReader){ .file = arena_format(arena, "%s/case.json", folder), .path = "", .error = error };
    json_t *config = access(at->file, F_OK) == 0 ? json_load_object(at->file, "a case", error) : NULL;
    at->object = config;
    return config;
}

/* Whether a name of case.json stays in the case's folder: relative, no "..", and no link that leads out of it */
static bool stays_in(const char *folder, const char *name, Arena *arena)
{
    for (const char *part = name; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL)
        if (strcmp(part, "..") == 0 || strncmp(part, "../", 3) == 0) return false;
    if (*name == '/') return false;
    char *inside = realpath(folder, NULL), *file = realpath(arena_format(arena, "%s/%s", folder, name), NULL);
    size_t length = inside ? strlen(inside) : 0;
    bool stays = !inside || !file || (strncmp(file, inside, length) == 0 && (length == 1 || file[length] == '/'));
    free(inside);
    free(file);
    return stays; /* a file that is not there is refused when it is opened */
}

Paths case_files(ConfigReader at, const char *key, const char *kind, const char *folder, Arena *arena)
{
    const json_t *list = json_object_get(at.object, key);
    int count = (int)json_array_size(list);
    const char **paths = arena_allocate(arena, (size_t)count * sizeof *paths);
    for (int i = 0; i < count; i++) {
        const char *name = json_string_value(json_array_get(list, (size_t)i));
        if (!name) config_refuse(at, key, "something else", arena_format(arena, "names of %s", kind));
        if (name && !stays_in(folder, name, arena)) config_refuse(at, key, name, "a name inside of the case's folder");
        paths[i] = arena_format(arena, "%s/%s", folder, name ? name : "");
    }
    if (count == 0) config_refuse(at, key, "none", arena_format(arena, "a list of names of %s", kind));
    return (Paths){ paths, count };
}
