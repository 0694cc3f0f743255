/* check_inputs.c - refuses what Hugging Face raises for, so that a forward pass cannot fail */
#include <stdlib.h>

#include "gemma4.h"

/* One image: its soft tokens by the pooler's mask, and by get_image_features' split_sizes. */
static void count_soft_tokens(Pixels p, int64_t image, int64_t length, int64_t *pooled, int64_t *split, Error *error)
{
    const Array *positions = p.positions;
    int64_t patches = positions->shape[1], k = gemma4_vision_pooler_kernel(patches, length), padding = 0;
    int64_t *xy = allocate_zeroed((size_t)(3 * patches), sizeof *xy), *kernel_idxs = xy + 2 * patches;
    bool *mask = allocate_zeroed((size_t)length, sizeof *mask);
    for (int64_t i = 0; i < 2 * patches; i++) xy[i] = array_integer(positions, image * 2 * patches + i);
    for (int64_t i = 0; i < patches; i++) padding += xy[2 * i] == -1 && xy[2 * i + 1] == -1;

    int64_t non_pad = 0; /* HF: (image_position_ids != -1).all(dim=-1) */
    for (int64_t i = 0; i < patches; i++) non_pad += xy[2 * i] != -1 && xy[2 * i + 1] != -1;
    *split += non_pad / (k * k);

    if (length == patches) { /* nothing is pooled, and padding_positions serves as the mask */
        *pooled += padding;
    } else {
        gemma4_vision_pooler_kernel_idxs(kernel_idxs, xy, patches, k);
        for (int64_t i = 0; i < patches && !error_is_set(error); i++) {
            if (kernel_idxs[i] >= length)
                error_set(error, "%s: %s: found patch %lld of image %lld in soft token %lld, expected less than %lld",
                          positions->file, p.positions_name, (long long)i, (long long)image, (long long)kernel_idxs[i],
                          (long long)length);
            else if (!mask[kernel_idxs[i]]) {
                mask[kernel_idxs[i]] = true;
                *pooled += 1;
            }
        }
    }
    free(mask);
    free(xy);
}

/* -> the soft tokens of all pictures */
static int64_t check_pooling(const Gemma4Model *m, Pixels p, Error *error)
{
    int64_t patches = p.positions->shape[1];
    int64_t kernel = m->config.vision_config.pooling_kernel_size;
    int64_t length = patches / (kernel * kernel), pooled = 0, split = 0;
    if (gemma4_vision_pooler_kernel(patches, length) == 0) {
        error_set(error, "%s: %s: found %lld patches, expected a multiple of %lld to pool %lld x %lld", p.pixels->file,
                  p.pixels_name, (long long)patches, (long long)(kernel * kernel), (long long)kernel,
                  (long long)kernel);
        return 0;
    }
    for (int64_t image = 0; image < p.positions->shape[0] && !error_is_set(error); image++)
        count_soft_tokens(p, image, length, &pooled, &split, error);
    if (pooled != split)
        error_set(error,
                  "%s: %s: found positions that pool to %lld soft tokens, expected %lld, a k-th of the patches "
                  "(Hugging Face raises here too)",
                  p.positions->file, p.positions_name, (long long)pooled, (long long)split);
    return pooled;
}

/* -> their soft tokens */
static int64_t check_pixels(const Gemma4Model *m, Pixels p, Error *error)
{
    const Gemma4VisionConfig *vision = &m->config.vision_config;
    const PixelLimits limits = { m->config.file, m->config.has_vision, 3 * vision->patch_size * vision->patch_size,
                                 vision->position_embedding_size, "position_embedding_size" };
    pixels_check(p, &limits, error);
    return error_is_set(error) ? 0 : check_pooling(m, p, error);
}

/* -> its soft tokens: what two strides of 2 leave of the mask. HF has no key for the bins of a frame: the projection
 * behind the convolutions takes a fourth of the first channels, and so as many bins, or up to three fewer. */
static int64_t check_sound(const Gemma4Model *m, const Inputs *inputs, Error *error)
{
    const Array *features = inputs->input_features, *mask = inputs->input_features_mask;
    int bins = 4 * gemma4_audio_bins(&m->config.audio_config);
    if (features->rank == 3 && features->shape[2] > bins - 4 && features->shape[2] < bins)
        bins = (int)features->shape[2];
    int64_t soft_tokens = 0;
    features_check(inputs, m->config.file, m->config.has_audio, bins, error);
    if (error_is_set(error)) return 0;
    if (array_elements(mask) == 0)
        error_set(error, "%s: input_features: found shape %s, expected at least one frame", features->file,
                  SHAPE_TEXT(features->rank, features->shape));
    for (int64_t i = 0; i < array_elements(mask); i++)
        soft_tokens += i % mask->shape[1] % 4 == 0 && array_integer(mask, i) != 0;
    return soft_tokens;
}

void gemma4_model_check(const Gemma4Model *m, const Inputs *inputs, Error *error)
{
    const Gemma4Config *config = &m->config;
    const char *file = safetensors_path(inputs->file);
    Pixels images = images_of(inputs), videos = videos_of(inputs);
    int64_t image_tokens = 0, video_tokens = 0, audio_tokens = 0;

    if (!inputs->input_ids)
        without_prompt_check(inputs, error);
    else if (!m->has_language_model)
        error_set(error, "%s: input_ids: found a prompt, expected none for a checkpoint without a language model",
                  file);
    if (error_is_set(error)) return;

    if (images.pixels) image_tokens = check_pixels(m, images, error);
    if (videos.pixels) video_tokens = check_pixels(m, videos, error);
    if (videos.pixels) frames_check(inputs, error);
    if (inputs->input_features && !error_is_set(error)) audio_tokens = check_sound(m, inputs, error);
    if (!inputs->input_ids || error_is_set(error)) return;

    const int placeholders[] = { config->image_token_id, config->video_token_id, config->audio_token_id };
    prompt_check(&config->text_config, inputs, placeholders, error);
    if (images.pixels) placeholders_check(inputs, config->image_token_id, image_tokens, "image", error);
    if (videos.pixels) placeholders_check(inputs, config->video_token_id, video_tokens, "video", error);
    if (inputs->input_features) placeholders_check(inputs, config->audio_token_id, audio_tokens, "audio", error);
}
