/* inputs.c - opens inputs.safetensors */
#include "inputs.h"

Inputs inputs_open(const char *path, Error *error)
{
    Inputs inputs = { .file = safetensors_open(path, error) };
    if (!inputs.file) return inputs;
    inputs.pixel_values = safetensors_find(inputs.file, "pixel_values");
    inputs.image_position_ids = safetensors_find(inputs.file, "image_position_ids");
    return inputs;
}

void inputs_close(Inputs *inputs)
{
    safetensors_close(inputs->file);
    *inputs = (Inputs){ 0 };
}
