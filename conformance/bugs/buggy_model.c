/* buggy_model.c - opens a model with bugs switched on, and runs it */
#include <stdlib.h>

#include "bugs/bug_run.h"

struct BuggyModel {
    Model *model, *own; /* own: NULL if it is the caller's */
    const Bug **bugs;
    BugRun *runs;     /* of the reading, then of each bug */
    int count;        /* of runs */
    const Pass *pass; /* that runs now */
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

/* ---------------------------------------------------------------- passes */

BuggyModel *buggy_model_open(const char *folder, const Bug *const *bugs, int count, Error *error)
{
    BugList list = { bugs, count };
    Model *model = model_open_edited(folder, &(ModelEdits){ edit_config, edit_checkpoint, &list }, error);
    if (!model) return NULL;
    BuggyModel *buggy = buggy_model_around(model, bugs, count);
    buggy->own = model;
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
    free(model->runs);
    free(model->bugs);
    model_close(model->own);
    free(model);
}

void buggy_model_read(BuggyModel *model, const Bug *reading) { model->runs[0].bug = reading ? reading : &no_reading; }

const Model *buggy_model_model(const BuggyModel *model) { return model->model; }

static void on_tap(void *context, const Tap *tap)
{
    BuggyModel *model = context;
    for (int i = 0; i < model->count; i++) bug_run_tap(&model->runs[i], tap);
    if (model->pass->hook) model->pass->hook(model->pass->hook_context, tap);
    for (int i = 0; i < model->count; i++) bug_run_keep(&model->runs[i], tap);
}

void buggy_model_forward(BuggyModel *model, const Reference *reference, const Inputs *inputs, const Pass *pass)
{
    Pass chained = *pass;
    chained.hook = on_tap;
    chained.hook_context = model;
    model->pass = pass;
    Inputs edited = *inputs;
    for (int i = 0; i < model->count; i++) {
        model->runs[i].inputs = &edited;
        model->runs[i].pass = pass;
        if (model->runs[i].bug->inputs) model->runs[i].bug->inputs(&model->runs[i], &edited);
    }
    reference->forward(model->model, &edited, &chained);
    for (int i = 0; i < model->count; i++) bug_run_end(&model->runs[i]);
}
