/* inputs.h - Hugging Face's forward arguments, by their names */
#ifndef PLUMB_INPUTS_H
#define PLUMB_INPUTS_H

#include "checkpoint/safetensors.h"

typedef struct {
    Safetensors *file;
    const Array *pixel_values;       /* [batch, patches, 3 * patch_size^2]; NULL when absent */
    const Array *image_position_ids; /* [batch, patches, 2], (x, y); padding is (-1, -1) */
} Inputs;

Inputs inputs_open(const char *path, Error *error);
void inputs_close(Inputs *inputs);

#endif
