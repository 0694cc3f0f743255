/* judged_case.c - what a case's pictures and sounds are for beside its inputs: to judge a dump's own, and to make wrong
 * ones */
#include <string.h>

#include "bugs/switch/buggy_pictures.h"
#include "bugs/switch/buggy_sounds.h"
#include "inputs/dumped_patches.h"
#include "inputs/found_features.h"
#include "pictures/case_pictures.h"
#include "command/plumb.h"

Pictures *open_png_files(const MediaArguments *a, const char *model_folder, Error *error)
{
    ProcessorRequest request = { .images = { a->images, a->image_count },
                                 .flavour = a->flavour,
                                 .max_soft_tokens = a->max_soft_tokens,
                                 .png = a->png };
    return pictures_open(model_folder, &request, error);
}

Clips *open_wav_files(const MediaArguments *a, const char *model_folder, Error *error)
{
    return clips_open(model_folder, &(ProcessorRequest){ .sounds = { a->sounds, a->sound_count } }, error);
}

/* Those of --image, or those that case.json names; NULL without error where there are none. */
static void open_case_pictures(Case *c, Error *error)
{
    if (c->media.image_count > 0)
        c->pictures = open_png_files(&c->media, c->model_folder, error);
    else if (c->folder && !c->inputs_option)
        c->pictures = case_pictures_open(c->folder, c->model_folder, &c->inputs, error);
}

static void open_case_clips(Case *c, Error *error)
{
    if (c->media.sound_count > 0)
        c->clips = open_wav_files(&c->media, c->model_folder, error);
    else if (c->folder && !c->inputs_option)
        c->clips = case_clips_open(c->folder, c->model_folder, &c->inputs, error);
}

static bool holds(const Dump *dump, bool (*is_wanted)(const char *name))
{
    for (int i = 0; i < dump_count(dump); i++)
        if (is_wanted(dump_array(dump, i)->name)) return true;
    return false;
}

DumpedInputs *case_judge_inputs(Case *c, const Dump *dump, const ArithmeticClass *class, const char *const *only,
                                Error *error)
{
    const char *model_type = json_string_value(json_object_get(model_config(c->model), "model_type"));
    if (!model_type || strcmp(model_type, "gemma4") != 0) return NULL; /* the other family's are not graded */
    if (holds(dump, is_of_preprocessing) && !c->pictures) open_case_pictures(c, error);
    if (holds(dump, is_of_sounds) && !c->clips && !error_is_set(error)) open_case_clips(c, error);
    return error_is_set(error) ? NULL : dumped_inputs_open(c->pictures, c->clips, dump, class, only, error);
}

void case_bend_pictures(Case *c, const Bug *const *bugs, int count, Error *error)
{
    open_case_pictures(c, error);
    if (!error_is_set(error) && !c->pictures)
        error_set(error, "--bug: found %s and no PNG files, expected --image, or a case that names them", bugs[0]->id);
    if (error_is_set(error)) return;
    c->buggy_patches = preprocess_with_bugs(c->pictures, bugs, count, &c->arena, error);
    c->inputs.pixel_values = &c->buggy_patches.pixel_values;
    c->inputs.image_position_ids = &c->buggy_patches.image_position_ids;
    if (!error_is_set(error)) model_check(c->model, &c->inputs, error);
}

void case_bend_sounds(Case *c, const Bug *const *bugs, int count, Error *error)
{
    open_case_clips(c, error);
    if (!error_is_set(error) && !c->clips)
        error_set(error, "--bug: found %s and no WAV files, expected --audio, or a case that names them", bugs[0]->id);
    if (error_is_set(error)) return;
    c->buggy_features = extract_with_bugs(c->clips, bugs, count, &c->arena, error);
    c->inputs.input_features = &c->buggy_features.input_features;
    c->inputs.input_features_mask = &c->buggy_features.input_features_mask;
    if (!error_is_set(error)) model_check(c->model, &c->inputs, error);
}
