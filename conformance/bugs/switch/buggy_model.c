/* buggy_model.c - opens a model with bugs switched on, and runs it */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bugs/hooks/bug_run.h"
#include "bugs/switch/twin.h"

struct BuggyModel {
    Model *model, *own; /* own: NULL if it is the caller's */
    const Bug **bugs;
    BugRun *runs;     /* of the reading, then of each bug */
    int count;        /* of runs */
    const Pass *pass; /* that runs now */
    const TouchedLayers *touched;
    char known_layer[NAME_SIZE]; /* that the pass is in, and whose output it does not compute; empty: none */
    Inputs inputs;               /* of that pass, edited */
    Patches images, frames;
    Arena arena; /* of the edited ones */
    /* Where the last bug is in a part */
    const BugPart *part; /* NULL: all bugs are everywhere */
    Model *without;      /* the model without that bug, where its hook is not all of it; NULL */
    Twin *twin;          /* whose pass is that model's */
    Sites *sites;
    void *before; /* a tap's values without the bug */
    size_t room;
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

static void refuse_bugs_before_inputs(const Bug *const *bugs, int count, Error *error)
{
    for (int i = 0; i < count; i++)
        if (!bug_is_of_model(bugs[i]))
            error_set(error, "%s: found a bug of %s, expected %s with it", bugs[i]->id,
                      bug_is_of_sounds(bugs[i]) ? "sounds before they are features"
                                                : "pictures before they are patches",
                      bug_is_of_sounds(bugs[i]) ? "--audio" : "--image");
}

BuggyModel *buggy_model_open(const char *folder, const Bug *const *bugs, int count, Error *error)
{
    BugList list = { bugs, count };
    refuse_bugs_before_inputs(bugs, count, error);
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
    refuse_bugs_before_inputs(bugs, count, error);
    if (error_is_set(error)) return NULL;
    for (int i = 0; i < count; i++) edits |= bugs[i]->config || bugs[i]->weights;
    Model *own = edits ? model_open_like(model, &(ModelEdits){ edit_config, edit_checkpoint, &list }, error) : NULL;
    if (error_is_set(error)) return NULL;
    BuggyModel *buggy = buggy_model_around(own ? own : model, bugs, count);
    buggy->own = own;
    return buggy;
}

BuggyModel *buggy_model_in_part(Model *model, const Bug *const *bugs, int count, const BugPart *part, Error *error)
{
    BuggyModel *buggy = buggy_model_of(model, bugs, count, error);
    const Bug *last = bugs[count - 1];
    if (!buggy) return NULL;
    buggy->part = part;
    for (int i = 0; i < buggy->count; i++) buggy->runs[i].part = part;
    BugList others = { bugs, count - 1 };
    bool is_a_hook = !last->config && !last->weights && !last->inputs && !last->patches;
    if (!is_a_hook)
        buggy->without = model_open_like(model, &(ModelEdits){ edit_config, edit_checkpoint, &others }, error);
    if (!is_a_hook && !buggy->without && !error_is_set(error)) buggy->without = model_open_like(model, NULL, error);
    if (!error_is_set(error)) return buggy;
    buggy_model_close(buggy);
    return NULL;
}

void buggy_model_note_sites(BuggyModel *model, Sites *sites) { model->sites = sites; }

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

BuggyModel *buggy_model_beside(const BuggyModel *buggy, Model *model)
{
    Error unfit = { "" };
    BuggyModel *beside = buggy_model_of(model, buggy->bugs, buggy->count - 1, &unfit);
    if (beside) buggy_model_set_mask_reading(beside, buggy->runs[0].bug);
    return beside;
}

bool buggy_model_in_a_part(const BuggyModel *buggy) { return buggy->part; }

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
    free(model->before);
    model_close(model->without);
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

/* ---------------------------------------------------------------- a bug in a part */

static const void *keep_before(BuggyModel *model, const Tap *tap)
{
    size_t size = (size_t)tap->count * tap->value_size;
    if (size > model->room) {
        model->before = reallocate(model->before, size, 1);
        model->room = size;
    }
    return size > 0 ? memcpy(model->before, tap->values, size) : NULL;
}

/* Numbers that are names have no halves: they are the bug's or they are not. */
static void mix(const BuggyModel *model, const Tap *tap, const void *without)
{
    Tap other = *tap;
    other.values = (void *)(uintptr_t)without;
    const BugPart *part = model->part;
    bool has = bug_part_has(part, tap), is_name = tap_is_choice(tap->name), is_rounded = false;
    for (int64_t i = 0; i < tap->count; i++) {
        double share = has ? bug_part_share(part, tap, tap->first + i) : 0;
        if (share == 1 || (is_name && share >= 0.5)) continue;
        double honest = tap_value(&other, i), buggy = tap_value(tap, i);
        bool is_mixed = share != 0 && !is_name;
        tap_set(tap, i, is_mixed ? honest + share * (buggy - honest) : honest);
        is_rounded |= is_mixed;
    }
    if (is_rounded) bug_run_round(&model->runs[model->count - 1], tap);
}

/* Sees each tap that the bug may have changed. */
static void keep_to_part(const BuggyModel *model, const Tap *tap, const void *without)
{
    size_t size = (size_t)tap->count * tap->value_size;
    if (size == 0 || !without || memcmp(without, tap->values, size) == 0) return;
    if (model->sites) sites_note(model->sites, tap);
    mix(model, tap, without);
}

/* ---------------------------------------------------------------- layers that the bugs leave alone */

void buggy_model_set_touched(BuggyModel *model, const TouchedLayers *touched) { model->touched = touched; }

void touched_layers_free(TouchedLayers *touched)
{
    for (int i = 0; i < touched->count; i++) free(touched->names[i]);
    free(touched->names);
    *touched = (TouchedLayers){ 0 };
}

static bool touches(const TouchedLayers *touched, const char *layer)
{
    for (int i = 0; i < touched->count; i++)
        if (strcmp(touched->names[i], layer) == 0) return true;
    return touched->all;
}

static bool on_layer(void *context, const char *layer)
{
    BuggyModel *model = context;
    if (touches(model->touched, layer) || !model->pass->known(model->pass->hook_context, layer)) return false;
    snprintf(model->known_layer, sizeof model->known_layer, "%s", layer);
    return true;
}

static void on_tap(void *context, const Tap *tap)
{
    BuggyModel *model = context;
    const void *twins = model->twin ? twin_values(model->twin, tap) : NULL;
    if (!*model->known_layer) keep_to_part(model, tap, twins);
    for (int i = 0; i < model->count && !*model->known_layer; i++) {
        bool in_part = model->part && i == model->count - 1 && model->runs[i].bug->tap;
        const void *without = in_part ? keep_before(model, tap) : NULL;
        bug_run_tap(&model->runs[i], tap);
        if (in_part) keep_to_part(model, tap, without);
    }
    if (strcmp(model->known_layer, tap->name) == 0) *model->known_layer = 0;
    if (model->pass->hook) model->pass->hook(model->pass->hook_context, tap);
    for (int i = 0; i < model->count; i++) bug_run_record(&model->runs[i], tap);
    if (model->twin) twin_go_on(model->twin, tap);
}

void buggy_model_forward(BuggyModel *model, const Reference *reference, const Inputs *inputs, const Pass *pass)
{
    Pass chained = *pass;
    chained.hook = on_tap;
    chained.known = pass->known && model->touched ? on_layer : NULL;
    chained.hook_context = model;
    model->pass = pass;
    begin_inputs(model, inputs, pass);
    if (model->without) model->twin = twin_begin(model->without, reference, inputs, pass, model->known_layer);
    reference->forward(model->model, &model->inputs, &chained);
    if (model->twin) twin_end(model->twin);
    model->twin = NULL;
    for (int i = 0; i < model->count; i++) bug_run_end(&model->runs[i]);
}
