/* case_pictures.c - case.json read for its pictures */
#include "pictures/case_pictures.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checkpoint/config.h"
#include "checkpoint/json_load.h"

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

static const char **read_paths(ConfigReader at, const char *folder, int *count, Arena *arena)
{
    const json_t *images = json_object_get(at.object, "images");
    *count = (int)json_array_size(images);
    const char **paths = arena_allocate(arena, (size_t)*count * sizeof *paths);
    for (int i = 0; i < *count; i++) {
        const char *name = json_string_value(json_array_get(images, (size_t)i));
        if (!name) config_refuse(at, "images", "something else", "names of PNG files");
        if (name && !stays_in(folder, name, arena))
            config_refuse(at, "images", name, "a name inside of the case's folder");
        paths[i] = arena_format(arena, "%s/%s", folder, name ? name : "");
    }
    if (*count == 0) config_refuse(at, "images", "none", "a list of names of PNG files");
    return paths;
}

static AlphaRule read_load(ConfigReader at)
{
    const char *load = config_string_or(at, "load", "opened");
    bool opened = error_is_set(at.error) || strcmp(load, "opened") == 0;
    if (!opened && strcmp(load, "path") != 0) config_refuse(at, "load", load, "opened or path");
    return opened ? ALPHA_OVER_WHITE : ALPHA_DROPPED;
}

static Pictures *open_images(ConfigReader at, const char *folder, const char *model_folder, const Inputs *inputs,
                             Arena *arena)
{
    ProcessorRequest request = { .png.alpha = read_load(at) };
    request.images.paths = read_paths(at, folder, &request.images.count, arena);
    request.max_soft_tokens = config_whole_or(at, "max_soft_tokens", 0);
    int64_t given = inputs->pixel_values ? inputs->pixel_values->shape[0] : 0;
    if (!error_is_set(at.error) && given != request.images.count)
        error_set(at.error, "%s: images: found %d, expected %lld, as in the inputs", at.file, request.images.count,
                  (long long)given);
    if (!error_is_set(at.error) && request.max_soft_tokens && !is_supported_soft_tokens(request.max_soft_tokens))
        config_refuse(at, "max_soft_tokens", "another number", supported_soft_tokens);
    return error_is_set(at.error) ? NULL : pictures_open(model_folder, &request, at.error);
}

Pictures *case_pictures_open(const char *folder, const char *model_folder, const Inputs *inputs, Error *error)
{
    Arena arena = { 0 };
    Pictures *pictures = NULL;
    ConfigReader at = { .file = arena_format(&arena, "%s/case.json", folder), .path = "", .error = error };
    json_t *config = access(at.file, F_OK) == 0 ? json_load_object(at.file, "a case", error) : NULL;
    at.object = config;
    if (config && config_has(at, "images")) pictures = open_images(at, folder, model_folder, inputs, &arena);
    json_decref(config);
    arena_free(&arena);
    return pictures;
}
