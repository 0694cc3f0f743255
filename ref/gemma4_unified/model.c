/* model.c - Gemma4UnifiedModel
 *
 *   input_ids [batch, seq], with a placeholder for each soft token
 *     embed_tokens                 -> inputs_embeds [batch, seq, text hidden]; placeholders as pad_token_id
 *     embed_vision                 -> [images, patches, text hidden]; without padding, [soft tokens, text hidden]
 *     embed_audio                  -> [audios, frames, text hidden]; the same
 *     images, videos, then audios take their placeholders' places
 *     language_model               -> [batch, seq, text hidden]
 */
#include "gemma4_unified.h"

void gemma4_unified_model_load(Gemma4UnifiedModel *m, Loader at, ConfigReader config)
{
    m->path = at.path;
    gemma4_unified_config_load(&m->config, config, &at.checkpoint->arena);
    if (error_is_set(at.error)) return;

    const Gemma4TextConfig *text_config = &m->config.text_config;
    m->has_language_model = has_tensor(at, "language_model.embed_tokens.weight");
    if (m->has_language_model) gemma4_text_model_load(&m->language_model, child(at, "language_model"), text_config);

    if (m->config.has_vision)
        gemma4_unified_vision_embedder_load(&m->embed_vision, child(at, "embed_vision"), &m->config.vision_config,
                                            text_config);
    if (m->config.has_audio)
        gemma4_multimodal_embedder_load(&m->embed_audio, child(at, "embed_audio"),
                                        m->config.audio_config.audio_embed_dim, m->config.audio_config.rms_norm_eps,
                                        text_config->hidden_size);
}

/* (position_ids != -1).all(dim=-1) */
static const bool *non_padding(PositionIds position_ids, Run *run)
{
    int64_t count = position_ids.batch * position_ids.patches;
    bool *non_pad_mask = arena_allocate(run->arena, (size_t)count * sizeof *non_pad_mask);
    for (int64_t i = 0; i < count; i++)
        non_pad_mask[i] = position_ids.xy[2 * i] != -1 && position_ids.xy[2 * i + 1] != -1;
    return non_pad_mask;
}

/* HF's get_image_features, and get_video_features, which differs in how the result is split */
static Tensor get_image_features(const Gemma4UnifiedModel *m, const Array *pixel_values, const Array *position_ids,
                                 Run *run)
{
    ArenaMark mark = arena_mark(run->arena);
    PositionIds image_position_ids = read_position_ids(position_ids, run);
    Tensor pooler_output = gemma4_unified_vision_embedder_forward(&m->embed_vision, read_input(pixel_values, run),
                                                                  image_position_ids, run);
    return keep(run, mark, select_rows(pooler_output, non_padding(image_position_ids, run), run));
}

/* HF's get_audio_features, and what forward leaves of them */
static Tensor get_audio_features(const Gemma4UnifiedModel *m, const Inputs *inputs, Run *run)
{
    ArenaMark mark = arena_mark(run->arena);
    const bool *valid = read_mask(inputs->input_features_mask, run);

    Tensor input_features = to_dtype_(read_input(inputs->input_features, run), run);
    Tensor pooler_output = gemma4_multimodal_embedder_forward(&m->embed_audio, input_features, run);
    return keep(run, mark, select_rows(pooler_output, valid, run));
}

static Tensor merge(const Gemma4UnifiedModel *m, Tensor inputs_embeds, PlaceholderMasks masks, const Inputs *inputs,
                    Run *run)
{
    if (inputs->pixel_values) {
        Tensor image_features = get_image_features(m, inputs->pixel_values, inputs->image_position_ids, run);
        inputs_embeds = masked_scatter_(inputs_embeds, masks.image, image_features);
    }
    if (inputs->pixel_values_videos) {
        run->repeat = inputs->pixel_values ? 1 : 0; /* embed_vision runs for the second time */
        Tensor video_features = get_image_features(m, inputs->pixel_values_videos, inputs->video_position_ids, run);
        run->repeat = 0;
        inputs_embeds = masked_scatter_(inputs_embeds, masks.video, video_features);
    }
    if (inputs->input_features)
        inputs_embeds = masked_scatter_(inputs_embeds, masks.audio, get_audio_features(m, inputs, run));
    return inputs_embeds;
}

Tensor gemma4_unified_model_forward(const Gemma4UnifiedModel *m, const ForwardArguments *arguments, Run *run)
{
    const Inputs *inputs = arguments->inputs;
    const Gemma4TextConfig *text_config = &m->config.text_config;
    if (!arguments->input_ids)
        return inputs->pixel_values ? get_image_features(m, inputs->pixel_values, inputs->image_position_ids, run)
                                    : get_audio_features(m, inputs, run);

    PlaceholderMasks masks = get_placeholder_mask(arguments, m->config.image_token_id, m->config.video_token_id,
                                                  m->config.audio_token_id, run);
    const int64_t *llm_input_ids = replace_placeholders(arguments, masks, text_config->pad_token_id, run);
    Tensor inputs_embeds = gemma4_text_scaled_word_embedding_forward(&m->language_model.embed_tokens, llm_input_ids,
                                                                     arguments->batch, arguments->seq, run);
    if (inputs) inputs_embeds = merge(m, inputs_embeds, masks, inputs, run);
    inputs_embeds = tap_local(run, m->path, "inputs_embeds", inputs_embeds);

    const int64_t *block_sequence_ids = NULL;
    if (text_config->use_bidirectional_attention == BIDIRECTIONAL_VISION && arguments->mm_token_type_ids)
        block_sequence_ids = get_block_sequence_ids_for_mask(arguments, run);
    CausalMaskMapping causal_mask_mapping = create_masks_for_generate(m->language_model.path, text_config, arguments,
                                                                      block_sequence_ids, run);

    Tensor last_hidden_state = gemma4_text_model_forward(&m->language_model, arguments, inputs_embeds, (Tensor){ 0 },
                                                         &causal_mask_mapping, run);
    return tap_output(run, m->path, last_hidden_state);
}
