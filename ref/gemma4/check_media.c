/* check_media.c - what both multimodal models refuse of pixels, their positions and their placeholders */
#include "gemma4.h"

Pixels images_of(const Inputs *inputs)
{
    return (Pixels){ inputs->pixel_values, inputs->image_position_ids, "pixel_values", "image_position_ids" };
}

Pixels videos_of(const Inputs *inputs)
{
    return (Pixels){ inputs->pixel_values_videos, inputs->video_position_ids, "pixel_values_videos",
                     "video_position_ids" };
}

void float_input_check(const Array *array, const char *name, Error *error)
{
    if (!dtype_is_float(array->dtype))
        error_set(error, "%s: %s: found dtype %s, expected a float dtype", array->file, name, dtype_name(array->dtype));
    else if (!array_is_finite(array))
        error_set(error, "%s: %s: found NaN or infinity, expected finite values", array->file, name);
}

static void check_position_ids(Pixels p, const PixelLimits *limits, Error *error)
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
    for (int64_t i = 0; i < array_elements(positions); i++)
        if (array_integer(positions, i) >= limits->position_size) {
            error_set(error, "%s: %s: found position %lld at patch %lld, expected less than %s %d", positions->file,
                      p.positions_name, (long long)array_integer(positions, i), (long long)(i / 2),
                      limits->position_key, limits->position_size);
            return;
        }
}

void pixels_check(Pixels p, const PixelLimits *limits, Error *error)
{
    const Array *pixels = p.pixels;
    if (!limits->has_vision)
        error_set(error, "%s: vision_config: found none, expected one for %s", limits->file, p.pixels_name);
    else if (!p.positions)
        error_set(error, "%s: %s: found no such input, expected [batch, patches, 2]", pixels->file, p.positions_name);
    else if (pixels->rank != 3 || pixels->shape[2] != limits->width)
        error_set(error, "%s: %s: found shape %s, expected [batch, patches, %d]", pixels->file, p.pixels_name,
                  SHAPE_TEXT(pixels->rank, pixels->shape), limits->width);
    if (!error_is_set(error)) float_input_check(pixels, p.pixels_name, error);
    if (!error_is_set(error)) check_position_ids(p, limits, error);
}

/* Hugging Face multiplies by the mask, so that another number would scale the sound. */
static void check_flags(const Array *mask, Error *error)
{
    for (int64_t i = 0; i < array_elements(mask) && !error_is_set(error); i++)
        if (array_integer(mask, i) > 1)
            error_set(error, "%s: input_features_mask: found %lld at frame %lld, expected 1, or 0 at padding",
                      mask->file, (long long)array_integer(mask, i), (long long)i);
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
    else
        check_flags(mask, error);
}

void features_check(const Inputs *inputs, const char *config_file, bool has_audio, int width, Error *error)
{
    const Array *features = inputs->input_features;
    if (!has_audio)
        error_set(error, "%s: audio_config: found none, expected one for input_features", config_file);
    else if (features->rank != 3 || features->shape[2] != width)
        error_set(error, "%s: input_features: found shape %s, expected [audios, frames, %d]", features->file,
                  SHAPE_TEXT(features->rank, features->shape), width);
    if (!error_is_set(error)) float_input_check(features, "input_features", error);
    if (!error_is_set(error)) check_features_mask(features, inputs->input_features_mask, error);
}

void without_prompt_check(const Inputs *inputs, Error *error)
{
    const char *file = safetensors_path(inputs->file);
    if (inputs->pixel_values_videos)
        error_set(error, "%s: pixel_values_videos: found it without input_ids, expected both", file);
    else if (!inputs->pixel_values && !inputs->input_features)
        error_set(error, "%s: found neither input_ids nor pixel_values nor input_features, expected one of them", file);
    else if (inputs->pixel_values && inputs->input_features)
        error_set(error, "%s: found pixel_values and input_features without input_ids, expected one of them", file);
}

void frames_check(const Inputs *inputs, Error *error)
{
    const Array *frames = inputs->num_frames_per_video;
    if (error_is_set(error)) return;
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

void placeholders_check(const Inputs *inputs, int token_id, int64_t soft_tokens, const char *what, Error *error)
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

void prompt_check(const Gemma4TextConfig *config, const Inputs *inputs, const int placeholders[3], Error *error)
{
    gemma4_text_check(inputs, error);
    check_packing(inputs, error);
    if (!error_is_set(error)) gemma4_token_check(config, inputs->input_ids, placeholders, 3, error);
}
