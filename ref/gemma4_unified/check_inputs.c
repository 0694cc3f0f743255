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

/* -> its soft tokens: the frames that are no padding */
static int64_t check_sound(const Gemma4UnifiedModel *m, const Inputs *inputs, Error *error)
{
    const Array *mask = inputs->input_features_mask;
    int64_t soft_tokens = 0;
    features_check(inputs, m->config.file, m->config.has_audio, m->config.audio_config.audio_embed_dim, error);
    if (error_is_set(error)) return 0;
    for (int64_t i = 0; i < array_elements(mask); i++) soft_tokens += array_integer(mask, i) != 0;
    return soft_tokens;
}

void gemma4_unified_model_check(const Gemma4UnifiedModel *m, const Inputs *inputs, Error *error)
{
    const Gemma4UnifiedConfig *config = &m->config;
    const int ids[] = { config->image_token_id, config->video_token_id, config->audio_token_id };
    int64_t image_tokens = 0, video_tokens = 0, audio_tokens = 0;

    if (!inputs->input_ids)
        without_prompt_check(inputs, error);
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
