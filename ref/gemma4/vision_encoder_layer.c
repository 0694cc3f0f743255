/* vision_encoder_layer.c - Gemma4VisionEncoderLayer
 *
 *   hidden_states [batch, seq, hidden]
 *     + post_attention_layernorm(self_attn(input_layernorm(hidden_states)))
 *     + post_feedforward_layernorm(mlp(pre_feedforward_layernorm(hidden_states)))
 */
#include "gemma4.h"

void gemma4_vision_encoder_layer_load(Gemma4VisionEncoderLayer *m, Loader at, const Gemma4VisionConfig *config)
{
    int hidden_size = config->hidden_size;
    double eps = config->rms_norm_eps;

    m->path = at.path;
    gemma4_vision_attention_load(&m->self_attn, child(at, "self_attn"), config);
    gemma4_vision_mlp_load(&m->mlp, child(at, "mlp"), config);
    gemma4_rms_norm_load(&m->input_layernorm, child(at, "input_layernorm"), hidden_size, eps, true);
    gemma4_rms_norm_load(&m->post_attention_layernorm, child(at, "post_attention_layernorm"), hidden_size, eps, true);
    gemma4_rms_norm_load(&m->pre_feedforward_layernorm, child(at, "pre_feedforward_layernorm"), hidden_size, eps, true);
    gemma4_rms_norm_load(&m->post_feedforward_layernorm, child(at, "post_feedforward_layernorm"), hidden_size, eps,
                         true);
}

Tensor gemma4_vision_encoder_layer_forward(const Gemma4VisionEncoderLayer *m, Tensor hidden_states,
                                           PositionEmbeddings position_embeddings, Tensor attention_mask, Run *run)
{
    if (is_known(run, m->path))
        return tap_output(run, m->path, tensor_new(run, hidden_states.rank, hidden_states.shape));
    Tensor residual = hidden_states;

    hidden_states = gemma4_rms_norm_forward(&m->input_layernorm, hidden_states, run);

    hidden_states = gemma4_vision_attention_forward(&m->self_attn, hidden_states, position_embeddings, attention_mask,
                                                    run);
    hidden_states = gemma4_rms_norm_forward(&m->post_attention_layernorm, hidden_states, run);
    hidden_states = add(residual, hidden_states, run);

    residual = hidden_states;
    hidden_states = gemma4_rms_norm_forward(&m->pre_feedforward_layernorm, hidden_states, run);
    hidden_states = gemma4_vision_mlp_forward(&m->mlp, hidden_states, run);
    hidden_states = gemma4_rms_norm_forward(&m->post_feedforward_layernorm, hidden_states, run);
    hidden_states = add(residual, hidden_states, run);

    return tap_output(run, m->path, hidden_states);
}
