/* vision_model.c - Gemma4VisionModel
 *
 *   pixel_values [batch, patches, 3 * patch_size^2], pixel_position_ids [batch, patches, 2]
 *     patch_embedder, encoder        -> [batch, patches, hidden]
 *     pooler                         -> [batch, patches / pooling_kernel_size^2, hidden]
 *     the valid rows of all images   -> [soft tokens, hidden]
 *     standardize
 */
#include "gemma4.h"

void gemma4_vision_model_load(Gemma4VisionModel *m, Loader at, const Gemma4VisionConfig *config)
{
    m->path = at.path;
    m->config = config;
    gemma4_vision_patch_embedder_load(&m->patch_embedder, child(at, "patch_embedder"), config);
    gemma4_vision_encoder_load(&m->encoder, child(at, "encoder"), config);
    m->pooler = (Gemma4VisionPooler){ child(at, "pooler").path, config->hidden_size };

    if (config->standardize) {
        m->std_bias = load_tensor(at, "std_bias", config->hidden_size);
        m->std_scale = load_tensor(at, "std_scale", config->hidden_size);
    }
}

/* (hidden_states - std_bias) * std_scale, in float32 */
static void standardize_(const Gemma4VisionModel *m, Tensor hidden_states, Run *run)
{
    int64_t width = last(hidden_states);
    Tensor std_bias = new_tensor(run, width), std_scale = new_tensor(run, width);
    read_weight(run, m->std_bias, 0, width, std_bias.data);
    read_weight(run, m->std_scale, 0, width, std_scale.data);
    for (int64_t i = 0; i < rows(hidden_states); i++) {
        real *row = hidden_states.data + i * width;
        for (int64_t j = 0; j < width; j++) row[j] = (row[j] - std_bias.data[j]) * std_scale.data[j];
    }
}

Tensor gemma4_vision_model_forward(const Gemma4VisionModel *m, Tensor pixel_values, PositionIds pixel_position_ids,
                                   Run *run)
{
    int64_t batch = pixel_position_ids.batch, patches = pixel_position_ids.patches;
    int64_t output_length = patches / (m->config->pooling_kernel_size * m->config->pooling_kernel_size);

    bool *padding_positions = arena_allocate(run->arena, checked_size(batch, patches, sizeof *padding_positions));
    for (int64_t i = 0; i < batch * patches; i++)
        padding_positions[i] = pixel_position_ids.xy[2 * i] == -1 && pixel_position_ids.xy[2 * i + 1] == -1;
    tap_mask(run, m->path, "padding_positions", padding_positions, batch, patches);

    Tensor inputs_embeds = gemma4_vision_patch_embedder_forward(&m->patch_embedder, pixel_values, pixel_position_ids,
                                                                padding_positions, run);
    Tensor last_hidden_state = gemma4_vision_encoder_forward(&m->encoder, inputs_embeds, padding_positions,
                                                             pixel_position_ids, run);

    Pooled pooled = gemma4_vision_pooler_forward(&m->pooler, last_hidden_state, pixel_position_ids, padding_positions,
                                                 output_length, run);

    Tensor hidden_states = select_rows(pooled.hidden_states, pooled.mask, run);

    if (m->config->standardize) standardize_(m, hidden_states, run);
    return tap_output(run, m->path, to_dtype_(hidden_states, run));
}
