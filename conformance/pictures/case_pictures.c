/* case_pictures.c - case.json read for its pictures */
#include "pictures/case_pictures.h"

#include <string.h>

#include "pictures/case_files.h"

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
    request.images = case_files(at, "images", "PNG files", folder, arena);
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
    ConfigReader at;
    json_t *config = case_json_open(folder, &at, &arena, error);
    if (config && config_has(at, "images")) pictures = open_images(at, folder, model_folder, inputs, &arena);
    json_decref(config);
    arena_free(&arena);
    return pictures;
}
