/* model.c - Gemma4Model
 *
 *   input_ids [batch, seq], with a placeholder for each soft token
 *     embed_tokens                          -> inputs_embeds [batch, seq, text hidden]; placeholders as pad_token_id
 *     vision_tower, embed_vision            -> [soft tokens, text hidden], images and then videos
 *     soft tokens take their placeholders' places
 *     language_model                        -> [batch, seq, text hidden]
 */
#include <assert.h>
#include <string.h>

#include "gemma4.h"

void gemma4_model_load(Gemma4Model *m, Loader at, ConfigReader config)
{
    m->path = at.path;
    gemma4_config_load(&m->config, config, &at.checkpoint->arena);
    if (error_is_set(at.error)) return;

    const Gemma4VisionConfig *vision = &m->config.vision_config;
    if (m->config.has_vision) {
        gemma4_vision_model_load(&m->vision_tower, child(at, "vision_tower"), vision);
        gemma4_multimodal_embedder_load(&m->embed_vision, child(at, "embed_vision"), vision->hidden_size,
                                        vision->rms_norm_eps, m->config.text_config.hidden_size);
    }
    m->has_language_model = has_tensor(at, "language_model.embed_tokens.weight");
    if (m->has_language_model)
        gemma4_text_model_load(&m->language_model, child(at, "language_model"), &m->config.text_config);
}

static PositionIds read_position_ids(const Array *image_position_ids, Arena *arena)
{
    int64_t count = array_elements(image_position_ids);
    int64_t *xy = arena_allocate(arena, (size_t)count * sizeof *xy);
    for (int64_t i = 0; i < count; i++) xy[i] = array_integer(image_position_ids, i);
    return (PositionIds){ xy, image_position_ids->shape[0], image_position_ids->shape[1] };
}

/* HF's get_image_features, and get_video_features, which differs in how the result is split */
static Tensor get_image_features(const Gemma4Model *m, const Array *array, const Array *position_ids, Run *run)
{
    ArenaMark mark = arena_mark(run->arena);
    Tensor pixel_values = tensor_new(run, array->rank, array->shape);
    array_read(array, 0, array_elements(array), pixel_values.data);

    Tensor last_hidden_state = gemma4_vision_model_forward(&m->vision_tower, pixel_values,
                                                           read_position_ids(position_ids, run->arena), run);
    return keep(run, mark, gemma4_multimodal_embedder_forward(&m->embed_vision, last_hidden_state, run));
}

/* HF: inputs_embeds.masked_scatter(input_ids == token_id, features) */
static void masked_scatter_(Tensor inputs_embeds, const int64_t *input_ids, int token_id, Tensor features)
{
    int64_t width = last(inputs_embeds);
    const real *from = features.data;
    for (int64_t i = 0; i < rows(inputs_embeds); i++) {
        if (input_ids[i] != token_id) continue;
        memcpy(inputs_embeds.data + i * width, from, (size_t)width * sizeof *from);
        from += width;
    }
    assert(from == features.data + elements(features));
}

/* Placeholders may lie beyond the vocabulary: they become pad_token_id. */
static const int64_t *replace_placeholders(const Gemma4Model *m, const ForwardArguments *arguments, Run *run)
{
    int64_t count = arguments->batch * arguments->seq;
    int64_t *llm_input_ids = arena_allocate(run->arena, (size_t)count * sizeof *llm_input_ids);
    for (int64_t i = 0; i < count; i++) {
        int64_t id = arguments->input_ids[i];
        bool multimodal = id == m->config.image_token_id || id == m->config.video_token_id ||
                          id == m->config.audio_token_id;
        llm_input_ids[i] = multimodal ? m->config.text_config.pad_token_id : id;
    }
    return llm_input_ids;
}

Tensor gemma4_model_forward(const Gemma4Model *m, const ForwardArguments *arguments, Run *run)
{
    const Inputs *inputs = arguments->inputs;
    const Gemma4TextConfig *text_config = &m->config.text_config;
    if (!arguments->input_ids) return get_image_features(m, inputs->pixel_values, inputs->image_position_ids, run);
    int64_t batch = arguments->batch, seq = arguments->seq;

    const int64_t *llm_input_ids = replace_placeholders(m, arguments, run);
    Tensor inputs_embeds = gemma4_text_scaled_word_embedding_forward(&m->language_model.embed_tokens, llm_input_ids,
                                                                     batch, seq, run);
    Tensor per_layer_inputs = { 0 };
    if (text_config->hidden_size_per_layer_input)
        per_layer_inputs = get_per_layer_inputs(&m->language_model, llm_input_ids, batch, seq, run);

    if (inputs && inputs->pixel_values) {
        Tensor image_features = get_image_features(m, inputs->pixel_values, inputs->image_position_ids, run);
        masked_scatter_(inputs_embeds, arguments->input_ids, m->config.image_token_id, image_features);
    }
    if (inputs && inputs->pixel_values_videos) {
        run->repeat = inputs->pixel_values ? 1 : 0; /* the tower runs for the second time */
        Tensor video_features = get_image_features(m, inputs->pixel_values_videos, inputs->video_position_ids, run);
        run->repeat = 0;
        masked_scatter_(inputs_embeds, arguments->input_ids, m->config.video_token_id, video_features);
    }
    inputs_embeds = tap_local(run, m->path, "inputs_embeds", inputs_embeds);

    CausalMaskMapping causal_mask_mapping;
    const char *path = m->language_model.path;
    if (text_config->use_bidirectional_attention == BIDIRECTIONAL_VISION && arguments->mm_token_type_ids)
        causal_mask_mapping = create_masks_for_vision_model(path, text_config, arguments,
                                                            get_block_sequence_ids_for_mask(arguments, run), run);
    else
        causal_mask_mapping = create_masks_for_generate(path, text_config, arguments, run);

    Tensor last_hidden_state = gemma4_text_model_forward(&m->language_model, arguments, inputs_embeds, per_layer_inputs,
                                                         &causal_mask_mapping, run);
    return tap_output(run, m->path, last_hidden_state);
}
