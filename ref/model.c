/* model.c - opens a checkpoint folder, and runs it */
#include "model.h"

#include <stdlib.h>
#include <string.h>

#include "gemma4.h"
#include "reference.h"

struct Model {
    Checkpoint *checkpoint;
    json_t *config;
    Gemma4Model gemma4;
    Arena activations; /* of a pass; kept for the next, because touching memory first is a twentieth of a pass */
};

Model *model_open(const char *folder, Error *error)
{
    Model *model = allocate_zeroed(1, sizeof *model);
    model->checkpoint = checkpoint_open(folder, error);
    if (error_is_set(error)) {
        model_close(model);
        return NULL;
    }

    ConfigReader at = { .file = arena_format(&model->checkpoint->arena, "%s/config.json", folder),
                        .path = "",
                        .error = error };
    at.object = model->config = config_open(at.file, error);
    const char *model_type = config_string(at, "model_type");
    if (strcmp(model_type, "gemma4") != 0) config_refuse(at, "model_type", model_type, "gemma4");
    if (!error_is_set(error)) gemma4_model_load(&model->gemma4, (Loader){ model->checkpoint, "model", error }, at);

    if (error_is_set(error)) {
        model_close(model);
        return NULL;
    }
    return model;
}

void model_close(Model *model)
{
    if (!model) return;
    arena_free(&model->activations);
    json_decref(model->config);
    checkpoint_close(model->checkpoint);
    free(model);
}

void model_check(const Model *model, const Inputs *inputs, Error *error)
{
    gemma4_model_check(&model->gemma4, inputs, error);
}

const Checkpoint *model_checkpoint(const Model *model) { return model->checkpoint; }
int model_layers(const Model *model) { return model->gemma4.vision_tower.encoder.num_layers; }

static void forward(Model *model, const Inputs *inputs, Rounding results, Rounding weights, Hook *hook,
                    void *hook_context)
{
    ArenaMark empty = { 0 };
    Run run = { &model->activations, results, weights, hook, hook_context };
    gemma4_model_forward(&model->gemma4, inputs, &run);
    arena_release(&model->activations, empty);
}

#ifdef REAL_IS_DOUBLE
const Reference reference_f64 = { sizeof(real), forward };
#else
const Reference reference_f32 = { sizeof(real), forward };
void reference_set_threads(int threads) { matmul_set_threads(threads); }
#endif
