/* model.c - Gemma4Model
 *
 *   input_ids [batch, seq], with a placeholder for each soft token
 *     embed_tokens                          -> inputs_embeds [batch, seq, text hidden]; placeholders as pad_token_id
 *     vision_tower, embed_vision            -> [soft tokens, text hidden], images and then videos
 *     audio_tower, embed_audio              -> [clips, frames / 4, text hidden]; without padding, as above
 *     soft tokens take their placeholders' places
 *     language_model                        -> [batch, seq, text hidden]
 */
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
    const Gemma4AudioConfig *audio = &m->config.audio_config;
    if (m->config.has_audio) {
        gemma4_audio_model_load(&m->audio_tower, child(at, "audio_tower"), audio);
        gemma4_multimodal_embedder_load(&m->embed_audio, child(at, "embed_audio"), audio->output_proj_dims,
                                        audio->rms_norm_eps, m->config.text_config.hidden_size);
    }
    m->has_language_model = has_tensor(at, "language_model.embed_tokens.weight");
    if (m->has_language_model)
        gemma4_text_model_load(&m->language_model, child(at, "language_model"), &m->config.text_config);
}

/* HF's get_image_features, and get_video_features, which differs in how the result is split */
static Tensor get_image_features(const Gemma4Model *m, const Array *array, const Array *position_ids, Run *run)
{
    ArenaMark mark = arena_mark(run->arena);
    Tensor last_hidden_state = gemma4_vision_model_forward(&m->vision_tower, read_input(array, run),
                                                           read_position_ids(position_ids, run), run);
    return keep(run, mark, gemma4_multimodal_embedder_forward(&m->embed_vision, last_hidden_state, run));
}

/* HF's get_audio_features, and what forward leaves of them */
static Tensor get_audio_features(const Gemma4Model *m, const Inputs *inputs, Run *run)
{
    ArenaMark mark = arena_mark(run->arena);
    const bool *audio_mask = read_mask(inputs->input_features_mask, run);
    Tensor last_hidden_state = gemma4_audio_model_forward(&m->audio_tower, read_input(inputs->input_features, run),
                                                          &audio_mask, run);
    Tensor pooler_output = gemma4_multimodal_embedder_forward(&m->embed_audio, last_hidden_state, run);
    return keep(run, mark, select_rows(pooler_output, audio_mask, run));
}

static Tensor merge(const Gemma4Model *m, Tensor inputs_embeds, PlaceholderMasks masks, const Inputs *inputs, Run *run)
{
    if (inputs->pixel_values) {
        Tensor image_features = get_image_features(m, inputs->pixel_values, inputs->image_position_ids, run);
        inputs_embeds = masked_scatter_(inputs_embeds, masks.image, image_features);
    }
    if (inputs->pixel_values_videos) {
        run->repeat = inputs->pixel_values ? 1 : 0; /* the tower runs for the second time */
        Tensor video_features = get_image_features(m, inputs->pixel_values_videos, inputs->video_position_ids, run);
        run->repeat = 0;
        inputs_embeds = masked_scatter_(inputs_embeds, masks.video, video_features);
    }
    if (inputs->input_features)
        inputs_embeds = masked_scatter_(inputs_embeds, masks.audio, get_audio_features(m, inputs, run));
    return inputs_embeds;
}

Tensor gemma4_model_forward(const Gemma4Model *m, const ForwardArguments *arguments, Run *run)
{
    const Inputs *inputs = arguments->inputs;
    const Gemma4TextConfig *text_config = &m->config.text_config;
    if (!arguments->input_ids)
        return inputs->pixel_values ? get_image_features(m, inputs->pixel_values, inputs->image_position_ids, run)
                                    : get_audio_features(m, inputs, run);
    int64_t batch = arguments->batch, seq = arguments->seq;

    PlaceholderMasks masks = get_placeholder_mask(arguments, m->config.image_token_id, m->config.video_token_id,
                                                  m->config.audio_token_id, run);
    const int64_t *llm_input_ids = replace_placeholders(arguments, masks, text_config->pad_token_id, run);
    Tensor inputs_embeds = gemma4_text_scaled_word_embedding_forward(&m->language_model.embed_tokens, llm_input_ids,
                                                                     batch, seq, run);
    Tensor per_layer_inputs = { 0 };
    if (text_config->hidden_size_per_layer_input)
        per_layer_inputs = get_per_layer_inputs(&m->language_model, llm_input_ids, batch, seq, run);

    if (inputs) inputs_embeds = merge(m, inputs_embeds, masks, inputs, run);
    inputs_embeds = tap_local(run, m->path, "inputs_embeds", inputs_embeds);

    CausalMaskMapping causal_mask_mapping;
    const char *path = m->language_model.path;
    if (text_config->use_bidirectional_attention == BIDIRECTIONAL_VISION && arguments->mm_token_type_ids)
        causal_mask_mapping = create_masks_for_vision_model(path, text_config, arguments,
                                                            get_block_sequence_ids_for_mask(arguments, run), run);
    else
        causal_mask_mapping = create_masks_for_generate(path, text_config, arguments, NULL, run);

    Tensor last_hidden_state = gemma4_text_model_forward(&m->language_model, arguments, inputs_embeds, per_layer_inputs,
                                                         &causal_mask_mapping, run);
    return tap_output(run, m->path, last_hidden_state);
}
