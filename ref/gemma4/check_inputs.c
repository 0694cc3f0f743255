/* check_inputs.c - refuses what Hugging Face raises for, so that a forward pass cannot fail */
#include <stdlib.h>

#include "gemma4.h"

static void check_pixel_values(const Gemma4Model *m, const Inputs *inputs, Error *error)
{
    const Array *pixels = inputs->pixel_values;
    int width = 3 * m->config.vision_config.patch_size * m->config.vision_config.patch_size;
    if (pixels->rank != 3 || pixels->shape[2] != width)
        error_set(error, "%s: pixel_values: found shape %s, expected [batch, patches, %d]", pixels->file,
                  SHAPE_TEXT(pixels->rank, pixels->shape), width);
    else if (!dtype_is_float(pixels->dtype))
        error_set(error, "%s: pixel_values: found dtype %s, expected a float dtype", pixels->file,
                  dtype_name(pixels->dtype));
    else if (!array_is_finite(pixels))
        error_set(error, "%s: pixel_values: found NaN or infinity, expected finite pixels", pixels->file);
}

static void check_position_ids(const Gemma4Model *m, const Inputs *inputs, Error *error)
{
    const Array *pixels = inputs->pixel_values, *positions = inputs->image_position_ids;
    int64_t shape[] = { pixels->shape[0], pixels->shape[1], 2 };
    if (!array_has_shape(positions, 3, shape)) {
        error_set(error, "%s: image_position_ids: found shape %s, expected %s", positions->file,
                  SHAPE_TEXT(positions->rank, positions->shape), SHAPE_TEXT(3, shape));
        return;
    }
    if (dtype_is_float(positions->dtype)) {
        error_set(error, "%s: image_position_ids: found dtype %s, expected an integer dtype", positions->file,
                  dtype_name(positions->dtype));
        return;
    }
    int size = m->config.vision_config.position_embedding_size;
    for (int64_t i = 0; i < array_elements(positions); i++)
        if (array_integer(positions, i) >= size) {
            error_set(error,
                      "%s: image_position_ids: found position %lld at patch %lld, expected less than "
                      "position_embedding_size %d",
                      positions->file, (long long)array_integer(positions, i), (long long)(i / 2), size);
            return;
        }
}

/* One image: its soft tokens by the pooler's mask, and by get_image_features' split_sizes. */
static void count_soft_tokens(const Array *positions, int64_t image, int64_t length, int64_t *pooled, int64_t *split,
                              Error *error)
{
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
                error_set(error,
                          "%s: image_position_ids: found patch %lld of image %lld in soft token %lld, expected "
                          "less than %lld",
                          positions->file, (long long)i, (long long)image, (long long)kernel_idxs[i],
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

static void check_pooling(const Gemma4Model *m, const Inputs *inputs, Error *error)
{
    const Array *positions = inputs->image_position_ids;
    int64_t patches = positions->shape[1];
    int64_t kernel = m->config.vision_config.pooling_kernel_size;
    int64_t length = patches / (kernel * kernel), pooled = 0, split = 0;
    if (gemma4_vision_pooler_kernel(patches, length) == 0) {
        error_set(error, "%s: pixel_values: found %lld patches, expected a multiple of %lld to pool %lld x %lld",
                  inputs->pixel_values->file, (long long)patches, (long long)(kernel * kernel), (long long)kernel,
                  (long long)kernel);
        return;
    }
    for (int64_t image = 0; image < positions->shape[0] && !error_is_set(error); image++)
        count_soft_tokens(positions, image, length, &pooled, &split, error);
    if (pooled != split)
        error_set(error,
                  "%s: image_position_ids: found positions that pool to %lld soft tokens, expected %lld, a k-th "
                  "of the patches (Hugging Face raises here too)",
                  positions->file, (long long)pooled, (long long)split);
}

void gemma4_model_check(const Gemma4Model *m, const Inputs *inputs, Error *error)
{
    const char *file = safetensors_path(inputs->file);
    if (!m->config.has_vision)
        error_set(error, "%s: vision_config: found none, expected one: there is no other part to run yet",
                  m->config.file);
    else if (!inputs->pixel_values)
        error_set(error, "%s: pixel_values: found no such input, expected [batch, patches, %d]", file,
                  3 * m->config.vision_config.patch_size * m->config.vision_config.patch_size);
    else if (!inputs->image_position_ids)
        error_set(error, "%s: image_position_ids: found no such input, expected [batch, patches, 2]", file);

    if (!error_is_set(error)) check_pixel_values(m, inputs, error);
    if (!error_is_set(error)) check_position_ids(m, inputs, error);
    if (!error_is_set(error)) check_pooling(m, inputs, error);
}
