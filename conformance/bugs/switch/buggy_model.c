/* buggy_model.c - opens a model with bugs switched on, and runs it */
#include <stdlib.h>
#include <string.h>

#include "bugs/hooks/bug_run.h"

struct BuggyModel {
    Model *model, *own; /* own: NULL if it is the caller's */
    const Bug **bugs;
    BugRun *runs;     /* of the reading, then of each bug */
    int count;        /* of runs */
    const Pass *pass; /* that runs now */
    Inputs inputs;    /* of that pass, edited */
    Patches images, frames;
    Arena arena; /* of the edited ones */
};

static const Bug no_reading = { 0 };

typedef struct {
    const Bug *const *bugs;
    int count;
} BugList;

static void edit_config(json_t *config, void *context)
{
    const BugList *list = context;
    for (int i = 0; i < list->count; i++)
        if (list->bugs[i]->config) list->bugs[i]->config(config);
}

static void edit_checkpoint(Checkpoint *checkpoint, void *context)
{
    const BugList *list = context;
    for (int i = 0; i < list->count; i++)
        if (list->bugs[i]->weights) list->bugs[i]->weights(checkpoint);
}

/* Gives the vision tower the patches that the bugs leave. */
static void edit_patches(BuggyModel *model, const Array **pixel_values, const Array **position_ids, Patches *edited)
{
    if (!*pixel_values) return;
    *edited = (Patches){ **pixel_values, **position_ids };
    for (int i = 0; i < model->count; i++)
        if (model->runs[i].bug->patches) model->runs[i].bug->patches(edited, &model->arena);
    *pixel_values = &edited->pixel_values;
    *position_ids = &edited->image_position_ids;
}

/* Positions that are no grid may have no place in the model once they are changed: then nothing is. */
static void edit_inputs(BuggyModel *model, const Inputs *inputs)
{
    Inputs *edited = &model->inputs;
    Error unfit = { "" };
    *edited = *inputs;
    arena_release(&model->arena, (ArenaMark){ 0 });
    edit_patches(model, &edited->pixel_values, &edited->image_position_ids, &model->images);
    edit_patches(model, &edited->pixel_values_videos, &edited->video_position_ids, &model->frames);
    model_check(model->model, edited, &unfit);
    if (error_is_set(&unfit)) *edited = *inputs;
}

static void begin_inputs(BuggyModel *model, const Inputs *inputs, const Pass *pass)
{
    edit_inputs(model, inputs);
    for (int i = 0; i < model->count; i++) {
        model->runs[i].inputs = &model->inputs;
        model->runs[i].pass = pass;
        if (model->runs[i].bug->inputs) model->runs[i].bug->inputs(&model->runs[i], &model->inputs);
    }
}

static bool is_same(const Array *a, const Array *b) { return a == b || (a && b && a->data == b->data); }

static bool are_same(const Inputs *a, const Inputs *b)
{
    return is_same(a->input_ids, b->input_ids) && is_same(a->attention_mask, b->attention_mask) &&
           is_same(a->position_ids, b->position_ids) && is_same(a->mm_token_type_ids, b->mm_token_type_ids) &&
           is_same(a->pixel_values, b->pixel_values) && is_same(a->image_position_ids, b->image_position_ids) &&
           is_same(a->pixel_values_videos, b->pixel_values_videos) &&
           is_same(a->video_position_ids, b->video_position_ids) &&
           is_same(a->num_frames_per_video, b->num_frames_per_video) && is_same(a->input_features, b->input_features) &&
           is_same(a->input_features_mask, b->input_features_mask);
}

bool buggy_model_is_honest(BuggyModel *model, const Inputs *inputs)
{
    if (model->own) return false;
    for (int i = 0; i < model->count; i++)
        if (model->runs[i].bug->tap) return false;
    begin_inputs(model, inputs, &(Pass){ 0 });
    bool same = are_same(&model->inputs, inputs);
    for (int i = 0; i < model->count; i++) bug_run_end(&model->runs[i]);
    return same;
}

/* ---------------------------------------------------------------- passes */

static void refuse_bugs_of_pictures(const Bug *const *bugs, int count, Error *error)
{
    for (int i = 0; i < count; i++)
        if (!bug_is_of_model(bugs[i]))
            error_set(error, "%s: found a bug of pictures before they are patches, expected --image with it",
                      bugs[i]->id);
}

BuggyModel *buggy_model_open(const char *folder, const Bug *const *bugs, int count, Error *error)
{
    BugList list = { bugs, count };
    refuse_bugs_of_pictures(bugs, count, error);
    if (error_is_set(error)) return NULL;
    Model *model = model_open_edited(folder, &(ModelEdits){ edit_config, edit_checkpoint, &list }, error);
    if (!model) return NULL;
    BuggyModel *buggy = buggy_model_around(model, bugs, count);
    buggy->own = model;
    return buggy;
}

BuggyModel *buggy_model_of(Model *model, const Bug *const *bugs, int count, Error *error)
{
    BugList list = { bugs, count };
    bool edits = false;
    refuse_bugs_of_pictures(bugs, count, error);
    if (error_is_set(error)) return NULL;
    for (int i = 0; i < count; i++) edits |= bugs[i]->config || bugs[i]->weights;
    Model *own = edits ? model_open_like(model, &(ModelEdits){ edit_config, edit_checkpoint, &list }, error) : NULL;
    if (error_is_set(error)) return NULL;
    BuggyModel *buggy = buggy_model_around(own ? own : model, bugs, count);
    buggy->own = own;
    return buggy;
}

BuggyModel *buggy_model_around(Model *model, const Bug *const *bugs, int count)
{
    BuggyModel *buggy = allocate_zeroed(1, sizeof *buggy);
    buggy->model = model;
    buggy->count = count + 1;
    buggy->runs = allocate_zeroed((size_t)count + 1, sizeof *buggy->runs);
    buggy->bugs = allocate_zeroed((size_t)count + 1, sizeof *buggy->bugs);
    for (int i = 0; i < count; i++) buggy->bugs[i] = bugs[i];
    for (int i = 0; i <= count; i++)
        buggy->runs[i] = (BugRun){
            .bug = i == 0 ? &no_reading : bugs[i - 1], .bugs = buggy->bugs, .bug_count = count, .model = model
        };
    return buggy;
}

void buggy_model_close(BuggyModel *model)
{
    if (!model) return;
    for (int i = 0; i < model->count; i++) {
        bug_run_end(&model->runs[i]);
        arena_free(&model->runs[i].arena);
        arena_free(&model->runs[i].scratch);
    }
    arena_free(&model->arena);
    free(model->runs);
    free(model->bugs);
    model_close(model->own);
    free(model);
}

void buggy_model_set_mask_reading(BuggyModel *model, const Bug *reading)
{
    model->runs[0].bug = reading ? reading : &no_reading;
}

const Model *buggy_model_model(const BuggyModel *model) { return model->model; }

bool buggy_model_has_masks(const BuggyModel *model)
{
    for (int i = 1; i < model->count; i++)
        if (strcmp(model->runs[i].bug->stage, "masks") == 0) return true;
    return false;
}

static void on_tap(void *context, const Tap *tap)
{
    BuggyModel *model = context;
    for (int i = 0; i < model->count; i++) bug_run_tap(&model->runs[i], tap);
    if (model->pass->hook) model->pass->hook(model->pass->hook_context, tap);
    for (int i = 0; i < model->count; i++) bug_run_record(&model->runs[i], tap);
}

void buggy_model_forward(BuggyModel *model, const Reference *reference, const Inputs *inputs, const Pass *pass)
{
    Pass chained = *pass;
    chained.hook = on_tap;
    chained.hook_context = model;
    model->pass = pass;
    begin_inputs(model, inputs, pass);
    reference->forward(model->model, &model->inputs, &chained);
    for (int i = 0; i < model->count; i++) bug_run_end(&model->runs[i]);
}
