/* multimodal.c - what both multimodal models do on the way to inputs_embeds */
#include "gemma4.h"

Tensor read_input(const Array *array, Run *run)
{
    Tensor x = tensor_new(run, array->rank, array->shape);
    array_read(array, 0, array_elements(array), x.data);
    return x;
}

const bool *read_mask(const Array *mask, Run *run)
{
    int64_t count = array_elements(mask);
    bool *valid = arena_allocate(run->arena, (size_t)count * sizeof *valid);
    for (int64_t i = 0; i < count; i++) valid[i] = array_integer(mask, i) != 0;
    return valid;
}

PositionIds read_position_ids(const Array *position_ids, Run *run)
{
    int64_t count = array_elements(position_ids);
    int64_t *xy = arena_allocate(run->arena, (size_t)count * sizeof *xy);
    for (int64_t i = 0; i < count; i++) xy[i] = array_integer(position_ids, i);
    return (PositionIds){ xy, position_ids->shape[0], position_ids->shape[1] };
}

static const bool *equal(const ForwardArguments *arguments, int token_id, Run *run)
{
    int64_t count = arguments->batch * arguments->seq;
    bool *mask = arena_allocate(run->arena, (size_t)count * sizeof *mask);
    for (int64_t i = 0; i < count; i++) mask[i] = arguments->input_ids[i] == token_id;
    return mask;
}

PlaceholderMasks get_placeholder_mask(const ForwardArguments *arguments, int image_token_id, int video_token_id,
                                      int audio_token_id, Run *run)
{
    return (PlaceholderMasks){ .image = equal(arguments, image_token_id, run),
                               .video = equal(arguments, video_token_id, run),
                               .audio = equal(arguments, audio_token_id, run) };
}

const int64_t *replace_placeholders(const ForwardArguments *arguments, PlaceholderMasks masks, int pad_token_id,
                                    Run *run)
{
    int64_t count = arguments->batch * arguments->seq;
    int64_t *llm_input_ids = arena_allocate(run->arena, (size_t)count * sizeof *llm_input_ids);
    for (int64_t i = 0; i < count; i++) {
        bool multimodal = masks.image[i] || masks.video[i] || masks.audio[i];
        llm_input_ids[i] = multimodal ? pad_token_id : arguments->input_ids[i];
    }
    return llm_input_ids;
}
