/* model.h - a checkpoint folder, whichever family it is of */
#ifndef PLUMB_MODEL_H
#define PLUMB_MODEL_H

#include <jansson.h>

#include "checkpoint/checkpoint.h"
#include "inputs.h"
#include "pass.h"

typedef struct Model Model;

/* config.json decides the family; every tensor of it is found and checked. NULL with error set. */
Model *model_open(const char *folder, Error *error);
/* The same with changes made on the way: to config.json, and to the tensors before they are asked for. Either function
 * may be NULL. */
typedef struct {
    void (*config)(json_t *config, void *context);
    void (*weights)(Checkpoint *checkpoint, void *context);
    void *context;
} ModelEdits;
Model *model_open_edited(const char *folder, const ModelEdits *edits, Error *error);
/* The same of a model that is open already, whose files it shares: close it first. NULL where the edits change nothing,
 * or with error set. edits NULL: the same model once more, so that two passes can go on side by side. */
Model *model_open_like(const Model *model, const ModelEdits *edits, Error *error);
void model_close(Model *model); /* NULL is fine */
/* A pass in this build's real; reference.h has both. inputs must have passed model_check. */
void model_forward(Model *model, const Inputs *inputs, const Pass *pass);
void model_check(const Model *model, const Inputs *inputs, Error *error);
/* Checks what model_check knows nothing of: a generation is possible, and its cache no longer than the model allows. */
void model_check_generation(const Model *model, const Inputs *inputs, int max_new_tokens, Error *error);
const Checkpoint *model_checkpoint(const Model *model);
const json_t *model_config(const Model *model); /* config.json */
/* How many layers a pass goes through, decode steps and all: how long it is, for a progress bar */
int model_layers(const Model *model, const Inputs *inputs, int max_new_tokens);
bool model_ends_at(const Model *model, int64_t token); /* whether it is an end-of-sequence token */
/* -> how many tokens are never chosen, whatever their logits */
int model_suppress_tokens(const Model *model, const int64_t **tokens);
int64_t model_vocab_size(const Model *model);  /* tokens that it can be fed */
int64_t model_num_experts(const Model *model); /* 0 without experts */

#endif
