/* judged_case.c - what a case's pictures are for beside its inputs: to judge a dump's own, and to make wrong ones */
#include <string.h>

#include "bugs/switch/buggy_pictures.h"
#include "pictures/case_pictures.h"
#include "inputs/dumped_patches.h"
#include "command/plumb.h"

Pictures *open_png_files(const MediaArguments *a, const char *model_folder, Error *error)
{
    ProcessorRequest request = { .images = { a->images, a->image_count },
                                 .flavour = a->flavour,
                                 .max_soft_tokens = a->max_soft_tokens,
                                 .png = a->png };
    return pictures_open(model_folder, &request, error);
}

/* Those of --image, or those that case.json names; NULL without error where there are none. */
static void open_case_pictures(Case *c, Error *error)
{
    if (c->media.image_count > 0)
        c->pictures = open_png_files(&c->media, c->model_folder, error);
    else if (c->folder && !c->inputs_option)
        c->pictures = case_pictures_open(c->folder, c->model_folder, &c->inputs, error);
}

DumpedInputs *case_judge_inputs(Case *c, const Dump *dump, const ArithmeticClass *class, const char *const *only,
                                Error *error)
{
    const char *model_type = json_string_value(json_object_get(model_config(c->model), "model_type"));
    bool known = model_type && strcmp(model_type, "gemma4") == 0, held = false; /* the other family's are not graded */
    for (int i = 0; i < dump_count(dump); i++) held |= is_of_preprocessing(dump_array(dump, i)->name);
    if (known && held && !c->pictures) open_case_pictures(c, error);
    return error_is_set(error) ? NULL : dumped_inputs_open(c->pictures, dump, class, only, error);
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
