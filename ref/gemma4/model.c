/* model.c - Gemma4Model, as far as get_image_features
 *
 *   pixel_values, image_position_ids
 *     vision_tower     -> [soft tokens, vision hidden]
 *     embed_vision     -> [soft tokens, text hidden]
 */
#include <string.h>

#include "gemma4.h"

void gemma4_model_load(Gemma4Model *m, Loader at, ConfigReader config)
{
    m->path = at.path;
    gemma4_config_load(&m->config, config, &at.checkpoint->arena);
    if (error_is_set(at.error) || !m->config.has_vision) return;

    const Gemma4VisionConfig *vision = &m->config.vision_config;
    gemma4_vision_model_load(&m->vision_tower, child(at, "vision_tower"), vision);
    gemma4_multimodal_embedder_load(&m->embed_vision, child(at, "embed_vision"), vision->hidden_size,
                                    vision->rms_norm_eps, m->config.text_config.hidden_size);
}

static PositionIds read_position_ids(const Array *image_position_ids, Arena *arena)
{
    int64_t count = array_elements(image_position_ids);
    int64_t *xy = arena_allocate(arena, (size_t)count * sizeof *xy);
    for (int64_t i = 0; i < count; i++) xy[i] = array_integer(image_position_ids, i);
    return (PositionIds){ xy, image_position_ids->shape[0], image_position_ids->shape[1] };
}

static void get_image_features(const Gemma4Model *m, const Inputs *inputs, Run *run)
{
    const Array *array = inputs->pixel_values;
    Tensor pixel_values = tensor_new(run, array->rank, array->shape);
    array_read(array, 0, array_elements(array), pixel_values.data);
    PositionIds image_position_ids = read_position_ids(inputs->image_position_ids, run->arena);

    Tensor last_hidden_state = gemma4_vision_model_forward(&m->vision_tower, pixel_values, image_position_ids, run);
    gemma4_multimodal_embedder_forward(&m->embed_vision, last_hidden_state, run);
}

void gemma4_model_forward(const Gemma4Model *m, const Inputs *inputs, Run *run)
{
    if (inputs->pixel_values) get_image_features(m, inputs, run);
}
