/* check_inputs.c - refuses what Hugging Face raises for, so that a forward pass cannot fail */
#include "gemma4_unified.h"

/* -> their soft tokens: the patches that are no padding on either axis */
static int64_t check_pixels(const Gemma4UnifiedModel *m, Pixels p, Error *error)
{
    const Gemma4UnifiedVisionConfig *vision = &m->config.vision_config;
    const PixelLimits limits = { m->config.file, m->config.has_vision,
                                 3 * vision->model_patch_size * vision->model_patch_size, vision->mm_posemb_size,
                                 "mm_posemb_size" };
    int64_t soft_tokens = 0;
    pixels_check(p, &limits, error);
    if (error_is_set(error)) return 0;
    for (int64_t i = 0; i < array_elements(p.positions); i += 2)
        soft_tokens += array_integer(p.positions, i) != -1 && array_integer(p.positions, i + 1) != -1;
    return soft_tokens;
}

static void check_features_mask(const Array *features, const Array *mask, Error *error)
{
    if (!mask)
        error_set(error, "%s: input_features_mask: found no such input, expected [audios, frames]", features->file);
    else if (!array_has_shape(mask, 2, features->shape))
        error_set(error, "%s: input_features_mask: found shape %s, expected %s as in input_features", mask->file,
                  SHAPE_TEXT(mask->rank, mask->shape), SHAPE_TEXT(2, features->shape));
    else if (mask->dtype != DTYPE_BOOL && mask->dtype != DTYPE_U8) /* to torch, other integers are an index */
        error_set(error, "%s: input_features_mask: found dtype %s, expected BOOL", mask->file, dtype_name(mask->dtype));
}

/* -> its soft tokens: the frames that are no padding */
static int64_t check_sound(const Gemma4UnifiedModel *m, const Inputs *inputs, Error *error)
{
    const Array *features = inputs->input_features, *mask = inputs->input_features_mask;
    int width = m->config.audio_config.audio_embed_dim;
    int64_t soft_tokens = 0;
    if (!m->config.has_audio)
        error_set(error, "%s: audio_config: found none, expected one for input_features", m->config.file);
    else if (features->rank != 3 || features->shape[2] != width)
        error_set(error, "%s: input_features: found shape %s, expected [audios, frames, %d]", features->file,
                  SHAPE_TEXT(features->rank, features->shape), width);
    if (!error_is_set(error)) float_input_check(features, "input_features", error);
    if (!error_is_set(error)) check_features_mask(features, mask, error);
    if (error_is_set(error)) return 0;
    for (int64_t i = 0; i < array_elements(mask); i++) soft_tokens += array_integer(mask, i) != 0;
    return soft_tokens;
}

static void check_without_prompt(const Inputs *inputs, Error *error)
{
    const char *file = safetensors_path(inputs->file);
    if (inputs->pixel_values_videos)
        error_set(error, "%s: pixel_values_videos: found it without input_ids, expected both", file);
    else if (!inputs->pixel_values && !inputs->input_features)
        error_set(error, "%s: found neither input_ids nor pixel_values nor input_features, expected one of them", file);
    else if (inputs->pixel_values && inputs->input_features)
        error_set(error, "%s: found pixel_values and input_features without input_ids, expected one of them", file);
}

void gemma4_unified_model_check(const Gemma4UnifiedModel *m, const Inputs *inputs, Error *error)
{
    const Gemma4UnifiedConfig *config = &m->config;
    const int ids[] = { config->image_token_id, config->video_token_id, config->audio_token_id };
    int64_t image_tokens = 0, video_tokens = 0, audio_tokens = 0;

    if (!inputs->input_ids)
        check_without_prompt(inputs, error);
    else if (!m->has_language_model)
        error_set(error, "%s: input_ids: found a prompt, expected none for a checkpoint without a language model",
                  inputs->input_ids->file);
    if (error_is_set(error)) return;

    if (inputs->pixel_values) image_tokens = check_pixels(m, images_of(inputs), error);
    if (inputs->pixel_values_videos) video_tokens = check_pixels(m, videos_of(inputs), error);
    if (inputs->pixel_values_videos) frames_check(inputs, error);
    if (inputs->input_features) audio_tokens = check_sound(m, inputs, error);
    if (!inputs->input_ids || error_is_set(error)) return;

    prompt_check(&config->text_config, inputs, ids, error);
    if (inputs->pixel_values) placeholders_check(inputs, ids[0], image_tokens, "image", error);
    if (inputs->pixel_values_videos) placeholders_check(inputs, ids[1], video_tokens, "video", error);
    if (inputs->input_features) placeholders_check(inputs, ids[2], audio_tokens, "audio", error);
}
