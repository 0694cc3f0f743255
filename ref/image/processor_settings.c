/* processor_settings.c - the JSON files beside a model that set its image and its video processor
 *
 *   processor_config.json                the object image_processor or video_processor; counts where it is there
 *   video_preprocessor_config.json       of videos only
 *   preprocessor_config.json             of images; of videos too where there is nothing else, as in Hugging Face
 *   none                                 Hugging Face's defaults
 *
 * A setting that is followed changes the result as in Hugging Face; one that is not is refused by name.
 */
#include <stdio.h>
#include <string.h>

#include "checkpoint/processor_config.h"
#include "image/image_processor.h"

enum { BICUBIC = 3 };

static const int soft_tokens[] = { 70, 140, 280, 560, 1120 };
const char *const supported_soft_tokens = "one of 70, 140, 280, 560, 1120";

bool is_supported_soft_tokens(int max_soft_tokens)
{
    for (size_t i = 0; i < sizeof soft_tokens / sizeof *soft_tokens; i++)
        if (soft_tokens[i] == max_soft_tokens) return true;
    return false;
}

/* The file gives a number for each channel, or one for all three. */
static void read_channels(ConfigReader at, const char *key, double *channels)
{
    const json_t *value = json_object_get(at.object, key);
    if (!config_has(at, key) || error_is_set(at.error)) return;
    if (json_is_number(value)) {
        for (int c = 0; c < 3; c++) channels[c] = json_number_value(value);
        return;
    }
    bool right = json_array_size(value) == 3;
    for (size_t c = 0; right && c < 3; c++) right = json_is_number(json_array_get(value, c));
    if (!right) {
        config_refuse(at, key, "something else", "a number or a list of three");
        return;
    }
    for (size_t c = 0; c < 3; c++) channels[c] = json_number_value(json_array_get(value, c));
}

static void refuse_type(ConfigReader at, const char *key, const char *class_name)
{
    const char *name = config_string_or(at, key, class_name), *rest = name + strlen(class_name);
    if (error_is_set(at.error)) return;
    bool right = strncmp(name, class_name, strlen(class_name)) == 0;
    if (!right || (*rest && strcmp(rest, "Fast") != 0 && strcmp(rest, "Pil") != 0))
        config_refuse(at, key, name, class_name);
}

static void refuse_flag(ConfigReader at, const char *key, bool wanted, const char *expected)
{
    if (config_bool_or(at, key, wanted) != wanted) config_refuse(at, key, wanted ? "false" : "true", expected);
}

static void refuse_number(ConfigReader at, const char *key, int found, const char *expected)
{
    char number[16];
    snprintf(number, sizeof number, "%d", found);
    config_refuse(at, key, number, expected);
}

/* The classes of a family; processor_config.json names them as well. */
typedef struct {
    const char *image, *video;
} ClassNames;

static const ClassNames gemma4 = { "Gemma4ImageProcessor", "Gemma4VideoProcessor" },
                        gemma4_unified = { "Gemma4UnifiedImageProcessor", "Gemma4UnifiedVideoProcessor" };

static void read_settings(Gemma4ImageProcessor *p, ClassNames names, ConfigReader at)
{
    refuse_type(at, "image_processor_type", names.image);
    refuse_type(at, "video_processor_type", names.video);
    p->do_resize = config_bool_or(at, "do_resize", p->do_resize);
    p->do_rescale = config_bool_or(at, "do_rescale", p->do_rescale);
    p->do_normalize = config_bool_or(at, "do_normalize", p->do_normalize);
    p->rescale_factor = config_number_or(at, "rescale_factor", p->rescale_factor);
    p->patch_size = config_count_or(at, "patch_size", p->patch_size);
    p->pooling_kernel_size = config_count_or(at, "pooling_kernel_size", p->pooling_kernel_size);
    p->max_soft_tokens = config_count_or(at, "max_soft_tokens", p->max_soft_tokens);
    read_channels(at, "image_mean", p->image_mean);
    read_channels(at, "image_std", p->image_std);

    refuse_flag(at, "do_convert_rgb", true, "true: pictures become RGB");
    refuse_flag(at, "do_center_crop", false, "false: nothing is cut off");
    int resample = config_whole_or(at, "resample", BICUBIC);
    if (resample != BICUBIC) refuse_number(at, "resample", resample, "3, which is bicubic");
    if (!is_supported_soft_tokens(p->max_soft_tokens))
        refuse_number(at, "max_soft_tokens", p->max_soft_tokens, supported_soft_tokens);
    if (!p->do_rescale && !p->do_normalize)
        config_refuse(at, "do_rescale", "false, as do_normalize is", "one of them true: no model takes bytes");
    for (int c = 0; c < 3 && p->do_normalize; c++) /* HF divides by both */
        if ((float)p->image_std[c] == 0)
            config_refuse(at, "image_std", "0", "another number");
        else if (p->do_rescale && p->rescale_factor == 0)
            config_refuse(at, "rescale_factor", "0", "another number");
}

static void load(Gemma4ImageProcessor *p, ClassNames names, const char *folder, const char *key,
                 const char *const *files, Error *error)
{
    Arena arena = { 0 };
    ConfigReader at = { .error = error };
    json_t *whole = processor_config_open(folder, (const char *const[]){ key, NULL }, files, &at, &arena);
    if (whole && !error_is_set(error)) read_settings(p, names, at);
    json_decref(whole);
    arena_free(&arena);
}

static const Gemma4ImageProcessor defaults = { .do_resize = true,
                                               .do_rescale = true,
                                               .rescale_factor = 1.0 / 255,
                                               .image_std = { 1, 1, 1 },
                                               .patch_size = 16,
                                               .max_soft_tokens = 280,
                                               .pooling_kernel_size = 3 };

static void load_image(Gemma4ImageProcessor *p, ClassNames names, const char *folder, ResizeFlavour flavour,
                       int max_soft_tokens, Error *error)
{
    static const char *const files[] = { "processor_config.json", "preprocessor_config.json", NULL };
    *p = defaults;
    p->flavour = flavour;
    load(p, names, folder, "image_processor", files, error);
    if (max_soft_tokens) p->max_soft_tokens = max_soft_tokens;
}

static void load_video(Gemma4ImageProcessor *p, ClassNames names, const char *folder, int max_soft_tokens, Error *error)
{
    static const char *const files[] = { "processor_config.json", "video_preprocessor_config.json",
                                         "preprocessor_config.json", NULL };
    *p = defaults;
    p->flavour = RESIZE_TORCHVISION;
    p->do_normalize = true; /* by 0 and 1, which only makes it level / 255 and not level * (1 / 255) */
    p->max_soft_tokens = 70;
    load(p, names, folder, "video_processor", files, error);
    if (max_soft_tokens) p->max_soft_tokens = max_soft_tokens;
}

void gemma4_image_processor_load(Gemma4ImageProcessor *p, const char *folder, ResizeFlavour flavour,
                                 int max_soft_tokens, Error *error)
{
    load_image(p, gemma4, folder, flavour, max_soft_tokens, error);
}

void gemma4_video_processor_load(Gemma4ImageProcessor *p, const char *folder, int max_soft_tokens, Error *error)
{
    load_video(p, gemma4, folder, max_soft_tokens, error);
}

void gemma4_unified_image_processor_load(Gemma4ImageProcessor *p, const char *folder, ResizeFlavour flavour,
                                         int max_soft_tokens, Error *error)
{
    if (flavour == RESIZE_PIL)
        error_set(error, "--resize: found pil, expected torchvision: Hugging Face has no other for gemma4_unified");
    load_image(p, gemma4_unified, folder, flavour, max_soft_tokens, error);
}

void gemma4_unified_video_processor_load(Gemma4ImageProcessor *p, const char *folder, int max_soft_tokens, Error *error)
{
    load_video(p, gemma4_unified, folder, max_soft_tokens, error);
}
