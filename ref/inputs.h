/* inputs.h - Hugging Face's forward arguments, by their names; NULL when absent */
#ifndef PLUMB_INPUTS_H
#define PLUMB_INPUTS_H

#include "checkpoint/safetensors.h"

typedef struct {
    Safetensors *file;
    const Array *input_ids;            /* [batch, seq] */
    const Array *attention_mask;       /* [batch, seq]: 1, or 0 at padding */
    const Array *position_ids;         /* [batch, seq] */
    const Array *mm_token_type_ids;    /* [batch, seq]: 0 text, 1 image, 2 video, 3 audio */
    const Array *pixel_values;         /* [images, patches, 3 * patch_size^2] */
    const Array *image_position_ids;   /* [images, patches, 2], (x, y); padding is (-1, -1) */
    const Array *pixel_values_videos;  /* [frames of all videos, patches, 3 * patch_size^2] */
    const Array *video_position_ids;   /* [frames of all videos, patches, 2] */
    const Array *num_frames_per_video; /* [videos] */
    const Array *input_features;       /* [audios, frames, audio_embed_dim] */
    const Array *input_features_mask;  /* [audios, frames]: true, or false at padding */
    const Array *prefill_chunk_size;   /* [1]: of GenerationConfig; nothing that is right depends on it */
} Inputs;

Inputs inputs_open(const char *path, Error *error);
void inputs_close(Inputs *inputs);

#endif
