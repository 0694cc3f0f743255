/* model.h - a checkpoint folder, whichever family it is of */
#ifndef PLUMB_MODEL_H
#define PLUMB_MODEL_H

#include "checkpoint/checkpoint.h"
#include "inputs.h"

typedef struct Model Model;

/* config.json decides the family; every tensor of it is found and checked. NULL with error set. */
Model *model_open(const char *folder, Error *error);
void model_close(Model *model); /* NULL is fine */
void model_check(const Model *model, const Inputs *inputs, Error *error);
const Checkpoint *model_checkpoint(const Model *model);
int model_layers(const Model *model); /* encoder layers: how long a pass is, for a progress bar */

#endif
