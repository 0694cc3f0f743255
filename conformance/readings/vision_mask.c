/* vision_mask.c - a dump graded by either reading */
#include "readings/vision_mask.h"

#include <string.h>

const char vision_mask_names[] = "hf or google";

bool vision_mask_from_name(const char *name, VisionMask *mask)
{
    *mask = strcmp(name, "google") == 0 ? VISION_MASK_GOOGLE : VISION_MASK_HF;
    return *mask == VISION_MASK_GOOGLE || strcmp(name, "hf") == 0;
}

static const char *string_of(const json_t *object, const char *key, const char *otherwise)
{
    const json_t *value = json_object_get(object, key);
    return json_is_string(value) ? json_string_value(value) : value ? "null" : otherwise;
}

static const char *model_type(const Model *model) { return string_of(model_config(model), "model_type", "none"); }

static bool is_unified(const Model *model) { return strcmp(model_type(model), "gemma4_unified") == 0; }

static const char *bidirectional(const Model *model)
{
    return string_of(json_object_get(model_config(model), "text_config"), "use_bidirectional_attention", "vision");
}

void vision_mask_check(const Model *model, VisionMask mask, Error *error)
{
    if (mask != VISION_MASK_GOOGLE) return;
    if (!is_unified(model))
        error_set(error,
                  "--vision-mask google: found model_type %s, expected gemma4_unified, the only one with two "
                  "readings",
                  model_type(model));
    else if (strcmp(bidirectional(model), "vision") != 0)
        error_set(error,
                  "--vision-mask google: found use_bidirectional_attention %s, expected vision: without, the "
                  "readings are one",
                  bidirectional(model));
}

bool vision_mask_matters(const Trial *trial)
{
    const Model *model = trial->model;
    const Array *types = trial->inputs->mm_token_type_ids;
    if (!is_unified(model) || strcmp(bidirectional(model), "vision") != 0 || !types) return false;
    for (int64_t i = 0; i < array_elements(types); i++) {
        int64_t type = array_integer(types, i);
        if (type == 1 || type == 2) return true;
    }
    return false;
}

const Reading vision_mask_google = { .flag = READING_GOOGLE_MASKS,
                                     .name = "vision-mask-google",
                                     .sentence = "vision mask: google's reading, see docs/masks.md",
                                     .matters = vision_mask_matters };
