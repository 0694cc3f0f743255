/* audio_model.c - Gemma4AudioModel: the conformer of the Universal Speech Model
 *
 *   input_features [batch, frames, bins], attention_mask [batch, frames]
 *     subsample_conv_projection       -> [batch, frames / 4, hidden], and the mask of that length
 *     rel_pos_enc                     -> [1, context / 2 + 1, hidden], for all layers
 *     layers
 *     output_proj, with a bias        -> [batch, frames / 4, output_proj_dims]
 */
#include "gemma4.h"

void gemma4_audio_model_load(Gemma4AudioModel *m, Loader at, const Gemma4AudioConfig *config)
{
    m->path = at.path;
    m->config = config;
    gemma4_audio_sub_sample_conv_projection_load(&m->subsample_conv_projection, child(at, "subsample_conv_projection"),
                                                 config);
    gemma4_audio_rel_positional_encoding_load(&m->rel_pos_enc, child(at, "rel_pos_enc"), config);
    m->layers = load_memory(at, (size_t)config->num_hidden_layers * sizeof *m->layers);
    for (int i = 0; i < config->num_hidden_layers && !error_is_set(at.error); i++)
        gemma4_audio_layer_load(&m->layers[i], child_at(at, "layers", i), config);
    linear_load(&m->output_proj, child(at, "output_proj"), config->hidden_size, config->output_proj_dims, true);
}

/* HF: sliding_window_mask_function((attention_context_left - 1, attention_context_right)) */
static bool in_window(const Gemma4AudioConfig *config, int64_t q_idx, int64_t kv_idx)
{
    int64_t dist = q_idx - kv_idx;
    return (dist >= 0 && dist < config->attention_context_left - 1) ||
           (dist < 0 && -dist < config->attention_context_right);
}

/* HF: create_bidirectional_mask, and _convert_4d_mask_to_blocked_5d of it, without the seq x seq between.
 * -> [batch, 1, blocks, chunk, context]: 1 where the query may look */
static Tensor create_blocked_mask(const Gemma4AudioModel *m, const bool *mask, int64_t batch, int64_t seq, Run *run)
{
    const Gemma4AudioConfig *config = m->config;
    int64_t chunk = config->attention_chunk_size, context = gemma4_audio_context_size(config);
    int64_t num_blocks = (seq + chunk - 1) / chunk;
    Tensor blocked = new_tensor(run, batch, 1, num_blocks, chunk, context);
    for (int64_t i = 0; i < elements(blocked); i++) {
        int64_t b = i / context / chunk / num_blocks, q_idx = i / context % (num_blocks * chunk);
        int64_t kv_idx = q_idx / chunk * chunk - (config->attention_context_left - 1) + i % context;
        blocked.data[i] = q_idx < seq && kv_idx >= 0 && kv_idx < seq && mask[b * seq + kv_idx] &&
                          in_window(config, q_idx, kv_idx);
    }
    return tap_local(run, m->path, "attention_mask", blocked);
}

Tensor gemma4_audio_model_forward(const Gemma4AudioModel *m, Tensor input_features, const bool **attention_mask,
                                  Run *run)
{
    Tensor hidden_states = gemma4_audio_sub_sample_conv_projection_forward(&m->subsample_conv_projection,
                                                                           input_features, attention_mask, run);
    Tensor position_embeddings = gemma4_audio_rel_positional_encoding_forward(&m->rel_pos_enc, run);
    Tensor mask = create_blocked_mask(m, *attention_mask, hidden_states.shape[0], hidden_states.shape[1], run);

    ArenaMark mark = arena_mark(run->arena);
    for (int i = 0; i < m->config->num_hidden_layers; i++) {
        hidden_states = gemma4_audio_layer_forward(&m->layers[i], hidden_states, mask, position_embeddings, run);
        hidden_states = keep(run, mark, hidden_states);
    }

    return tap_output(run, m->path, linear_forward(&m->output_proj, hidden_states, run));
}
