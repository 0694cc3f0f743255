/* inputs.c - opens inputs.safetensors */
#include "inputs.h"

Inputs inputs_open(const char *path, Error *error)
{
    Inputs inputs = { .file = safetensors_open(path, error) };
    if (!inputs.file) return inputs;
    inputs.input_ids = safetensors_find(inputs.file, "input_ids");
    inputs.attention_mask = safetensors_find(inputs.file, "attention_mask");
    inputs.position_ids = safetensors_find(inputs.file, "position_ids");
    inputs.mm_token_type_ids = safetensors_find(inputs.file, "mm_token_type_ids");
    inputs.pixel_values = safetensors_find(inputs.file, "pixel_values");
    inputs.image_position_ids = safetensors_find(inputs.file, "image_position_ids");
    inputs.pixel_values_videos = safetensors_find(inputs.file, "pixel_values_videos");
    inputs.video_position_ids = safetensors_find(inputs.file, "video_position_ids");
    inputs.num_frames_per_video = safetensors_find(inputs.file, "num_frames_per_video");
    inputs.input_features = safetensors_find(inputs.file, "input_features");
    inputs.input_features_mask = safetensors_find(inputs.file, "input_features_mask");
    inputs.prefill_chunk_size = safetensors_find(inputs.file, "prefill_chunk_size");
    return inputs;
}

void inputs_close(Inputs *inputs)
{
    safetensors_close(inputs->file);
    *inputs = (Inputs){ 0 };
}
