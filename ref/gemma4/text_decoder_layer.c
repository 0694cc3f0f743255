/* text_decoder_layer.c - Gemma4TextDecoderLayer
 *
 *   hidden_states [batch, seq, hidden]
 *     + post_attention_layernorm(self_attn(input_layernorm(hidden_states)))
 *     + post_feedforward_layernorm(mlp(pre_feedforward_layernorm(hidden_states)))    with experts: their sum, each
 *                                                                                    after a norm of its own
 *     + post_per_layer_input_norm(per_layer_projection(act_fn(per_layer_input_gate(hidden_states)) * per_layer_input))
 *     all of it * layer_scalar
 */
#include "gemma4.h"

void gemma4_text_decoder_layer_load(Gemma4TextDecoderLayer *m, Loader at, const Gemma4TextConfig *config, int layer_idx)
{
    int hidden_size = config->hidden_size, per_layer = config->hidden_size_per_layer_input;
    double eps = config->rms_norm_eps;

    m->path = at.path;
    gemma4_text_attention_load(&m->self_attn, child(at, "self_attn"), config, layer_idx);
    gemma4_text_mlp_load(&m->mlp, child(at, "mlp"), config, layer_idx);
    gemma4_rms_norm_load(&m->input_layernorm, child(at, "input_layernorm"), hidden_size, eps, true);
    gemma4_rms_norm_load(&m->post_attention_layernorm, child(at, "post_attention_layernorm"), hidden_size, eps, true);
    gemma4_rms_norm_load(&m->pre_feedforward_layernorm, child(at, "pre_feedforward_layernorm"), hidden_size, eps, true);
    gemma4_rms_norm_load(&m->post_feedforward_layernorm, child(at, "post_feedforward_layernorm"), hidden_size, eps,
                         true);
    m->layer_scalar = load_tensor(at, "layer_scalar", 1);

    m->hidden_size_per_layer_input = per_layer;
    if (m->hidden_size_per_layer_input) {
        m->act_fn = config->hidden_activation;
        m->act_fn_path = child(at, "act_fn").path;
        linear_load(&m->per_layer_input_gate, child(at, "per_layer_input_gate"), hidden_size, per_layer, false);
        linear_load(&m->per_layer_projection, child(at, "per_layer_projection"), per_layer, hidden_size, false);
        gemma4_rms_norm_load(&m->post_per_layer_input_norm, child(at, "post_per_layer_input_norm"), hidden_size, eps,
                             true);
    }

    m->enable_moe_block = config->enable_moe_block;
    if (m->enable_moe_block) {
        gemma4_text_router_load(&m->router, child(at, "router"), config);
        gemma4_text_experts_load(&m->experts, child(at, "experts"), config);
        gemma4_rms_norm_load(&m->post_feedforward_layernorm_1, child(at, "post_feedforward_layernorm_1"), hidden_size,
                             eps, true);
        gemma4_rms_norm_load(&m->post_feedforward_layernorm_2, child(at, "post_feedforward_layernorm_2"), hidden_size,
                             eps, true);
        gemma4_rms_norm_load(&m->pre_feedforward_layernorm_2, child(at, "pre_feedforward_layernorm_2"), hidden_size,
                             eps, true);
    }
}

/* Where the output is known: later layers and later passes may still ask for keys and values. */
static void keep_states(const Gemma4TextDecoderLayer *m, Tensor hidden_states,
                        const Gemma4TextLayerArguments *arguments, Run *run)
{
    bool caches = arguments->past_key_values && !m->self_attn.is_kv_shared_layer;
    if (!caches && !m->self_attn.store_full_length_kv) return;
    hidden_states = gemma4_rms_norm_forward(&m->input_layernorm, hidden_states, run);
    gemma4_text_attention_keep_states(&m->self_attn, hidden_states, arguments, run);
}

Tensor gemma4_text_decoder_layer_forward(const Gemma4TextDecoderLayer *m, Tensor hidden_states, Tensor per_layer_input,
                                         const Gemma4TextLayerArguments *arguments, Run *run)
{
    if (is_known(run, m->path)) {
        keep_states(m, hidden_states, arguments, run);
        return tap_output(run, m->path, tensor_new(run, hidden_states.rank, hidden_states.shape));
    }
    Tensor residual = hidden_states;

    hidden_states = gemma4_rms_norm_forward(&m->input_layernorm, hidden_states, run);
    hidden_states = gemma4_text_attention_forward(&m->self_attn, hidden_states, arguments, run);
    hidden_states = gemma4_rms_norm_forward(&m->post_attention_layernorm, hidden_states, run);
    hidden_states = add(residual, hidden_states, run);

    residual = hidden_states;
    hidden_states = gemma4_rms_norm_forward(&m->pre_feedforward_layernorm, hidden_states, run);
    hidden_states = gemma4_text_mlp_forward(&m->mlp, hidden_states, run);

    if (m->enable_moe_block) {
        Tensor hidden_states_1 = gemma4_rms_norm_forward(&m->post_feedforward_layernorm_1, hidden_states, run);

        /* the hidden states before the MLP */
        Tensor hidden_states_flat = view(residual, rows(residual), last(residual));
        Routing routing = gemma4_text_router_forward(&m->router, hidden_states_flat, run);
        Tensor hidden_states_2 = gemma4_rms_norm_forward(&m->pre_feedforward_layernorm_2, hidden_states_flat, run);
        hidden_states_2 = gemma4_text_experts_forward(&m->experts, hidden_states_2, routing, run);
        hidden_states_2 = tensor_view(hidden_states_2, residual.rank, residual.shape);
        hidden_states_2 = gemma4_rms_norm_forward(&m->post_feedforward_layernorm_2, hidden_states_2, run);

        hidden_states = add(hidden_states_1, hidden_states_2, run);
    }

    hidden_states = gemma4_rms_norm_forward(&m->post_feedforward_layernorm, hidden_states, run);
    hidden_states = add(residual, hidden_states, run);

    if (m->hidden_size_per_layer_input) {
        residual = hidden_states;
        hidden_states = linear_forward(&m->per_layer_input_gate, hidden_states, run);
        hidden_states = tap_output(run, m->act_fn_path, act_fn_(m->act_fn, hidden_states, run));
        hidden_states = mul_(hidden_states, per_layer_input, run);
        hidden_states = linear_forward(&m->per_layer_projection, hidden_states, run);
        hidden_states = gemma4_rms_norm_forward(&m->post_per_layer_input_norm, hidden_states, run);
        hidden_states = add(residual, hidden_states, run);
    }

    hidden_states = scale_(hidden_states, weight_value(run, m->layer_scalar), run);
    return tap_output(run, m->path, hidden_states);
}
