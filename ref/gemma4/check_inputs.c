/* check_inputs.c - refuses what Hugging Face raises for, so that a forward pass cannot fail */
#include <stdlib.h>

#include "gemma4.h"

/* Pixels with their positions: of images, or of the frames of videos */
typedef struct {
    const Array *pixels, *positions;
    const char *pixels_name, *positions_name;
} Pictures;

static void check_pixel_values(const Gemma4Model *m, Pictures p, Error *error)
{
    const Array *pixels = p.pixels;
    int width = 3 * m->config.vision_config.patch_size * m->config.vision_config.patch_size;
    if (pixels->rank != 3 || pixels->shape[2] != width)
        error_set(error, "%s: %s: found shape %s, expected [batch, patches, %d]", pixels->file, p.pixels_name,
                  SHAPE_TEXT(pixels->rank, pixels->shape), width);
    else if (!dtype_is_float(pixels->dtype))
        error_set(error, "%s: %s: found dtype %s, expected a float dtype", pixels->file, p.pixels_name,
                  dtype_name(pixels->dtype));
    else if (!array_is_finite(pixels))
        error_set(error, "%s: %s: found NaN or infinity, expected finite pixels", pixels->file, p.pixels_name);
}

static void check_position_ids(const Gemma4Model *m, Pictures p, Error *error)
{
    const Array *pixels = p.pixels, *positions = p.positions;
    int64_t shape[] = { pixels->shape[0], pixels->shape[1], 2 };
    if (!array_has_shape(positions, 3, shape)) {
        error_set(error, "%s: %s: found shape %s, expected %s", positions->file, p.positions_name,
                  SHAPE_TEXT(positions->rank, positions->shape), SHAPE_TEXT(3, shape));
        return;
    }
    if (dtype_is_float(positions->dtype)) {
        error_set(error, "%s: %s: found dtype %s, expected an integer dtype", positions->file, p.positions_name,
                  dtype_name(positions->dtype));
        return;
    }
    int size = m->config.vision_config.position_embedding_size;
    for (int64_t i = 0; i < array_elements(positions); i++)
        if (array_integer(positions, i) >= size) {
            error_set(error, "%s: %s: found position %lld at patch %lld, expected less than position_embedding_size %d",
                      positions->file, p.positions_name, (long long)array_integer(positions, i), (long long)(i / 2),
                      size);
            return;
        }
}

/* One image: its soft tokens by the pooler's mask, and by get_image_features' split_sizes. */
static void count_soft_tokens(Pictures p, int64_t image, int64_t length, int64_t *pooled, int64_t *split, Error *error)
{
    const Array *positions = p.positions;
    int64_t patches = positions->shape[1], k = gemma4_vision_pooler_kernel(patches, length), padding = 0;
    int64_t *xy = malloc((size_t)(3 * patches) * sizeof *xy), *kernel_idxs = xy + 2 * patches;
    bool *mask = calloc((size_t)length, sizeof *mask);
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
static int64_t check_pooling(const Gemma4Model *m, Pictures p, Error *error)
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
static int64_t check_pictures(const Gemma4Model *m, Pictures p, Error *error)
{
    if (!m->config.has_vision)
        error_set(error, "%s: vision_config: found none, expected one for %s", m->config.file, p.pixels_name);
    else if (!p.positions)
        error_set(error, "%s: %s: found no such input, expected [batch, patches, 2]", p.pixels->file, p.positions_name);
    if (!error_is_set(error)) check_pixel_values(m, p, error);
    if (!error_is_set(error)) check_position_ids(m, p, error);
    return error_is_set(error) ? 0 : check_pooling(m, p, error);
}

static void check_frames(const Inputs *inputs, Error *error)
{
    const Array *frames = inputs->num_frames_per_video;
    int64_t total = inputs->pixel_values_videos->shape[0], sum = 0;
    if (!frames || frames->rank != 1 || dtype_is_float(frames->dtype)) {
        error_set(error, "%s: num_frames_per_video: found %s, expected the number of frames of each video",
                  inputs->pixel_values_videos->file,
                  frames ? SHAPE_TEXT(frames->rank, frames->shape) : "no such input");
        return;
    }
    for (int64_t i = 0; i < array_elements(frames); i++) {
        int64_t count = array_integer(frames, i);
        if (count < 1)
            error_set(error, "%s: num_frames_per_video: found %lld for video %lld, expected 1 or more", frames->file,
                      (long long)count, (long long)i);
        sum += count;
    }
    if (sum != total)
        error_set(error, "%s: num_frames_per_video: found %lld frames in all, expected %lld as in pixel_values_videos",
                  frames->file, (long long)sum, (long long)total);
}

static void check_placeholders(const Inputs *inputs, int token_id, int64_t soft_tokens, const char *what, Error *error)
{
    int64_t tokens = 0;
    if (error_is_set(error)) return;
    for (int64_t i = 0; i < array_elements(inputs->input_ids); i++)
        tokens += array_integer(inputs->input_ids, i) == token_id;
    if (tokens != soft_tokens)
        error_set(error, "%s: input_ids: found %lld %s tokens (id %d), expected %lld, one for each of the features",
                  inputs->input_ids->file, (long long)tokens, what, token_id, (long long)soft_tokens);
}

/* Hugging Face takes such a jump for the seam of two packed sequences, unless there is a mask. */
static void check_packing(const Inputs *inputs, Error *error)
{
    const Array *positions = inputs->position_ids;
    if (!positions || inputs->attention_mask || error_is_set(error)) return;
    for (int64_t i = 1; i < array_elements(positions); i++)
        if (i % positions->shape[1] != 0 && array_integer(positions, i) != array_integer(positions, i - 1) + 1) {
            error_set(error, "%s: position_ids: found a jump at token %lld, expected an attention_mask with it",
                      positions->file, (long long)i);
            return;
        }
}

void gemma4_model_check(const Gemma4Model *m, const Inputs *inputs, Error *error)
{
    const Gemma4Config *config = &m->config;
    const char *file = safetensors_path(inputs->file);
    Pictures images = { inputs->pixel_values, inputs->image_position_ids, "pixel_values", "image_position_ids" };
    Pictures videos = { inputs->pixel_values_videos, inputs->video_position_ids, "pixel_values_videos",
                        "video_position_ids" };
    int64_t image_tokens = 0, video_tokens = 0;

    if (inputs->input_features)
        error_set(error, "%s: input_features: found sound, expected none: the audio tower is not here yet", file);
    else if (!inputs->input_ids && !images.pixels)
        error_set(error, "%s: found neither input_ids nor pixel_values, expected one of them", file);
    else if (!inputs->input_ids && videos.pixels)
        error_set(error, "%s: pixel_values_videos: found it without input_ids, expected both", file);
    else if (inputs->input_ids && !m->has_language_model)
        error_set(error, "%s: input_ids: found a prompt, expected none for a checkpoint without a language model",
                  file);
    if (error_is_set(error)) return;

    if (images.pixels) image_tokens = check_pictures(m, images, error);
    if (videos.pixels) video_tokens = check_pictures(m, videos, error);
    if (videos.pixels && !error_is_set(error)) check_frames(inputs, error);
    if (!inputs->input_ids || error_is_set(error)) return;

    const int placeholders[] = { config->image_token_id, config->video_token_id, config->audio_token_id };
    gemma4_text_check(inputs, error);
    check_packing(inputs, error);
    if (!error_is_set(error)) gemma4_token_check(&config->text_config, inputs->input_ids, placeholders, 3, error);
    if (images.pixels) check_placeholders(inputs, config->image_token_id, image_tokens, "image", error);
    if (videos.pixels) check_placeholders(inputs, config->video_token_id, video_tokens, "video", error);
}
