/* audio_light_conv1d.c - Gemma4AudioLightConv1d: a conformer layer's convolution
 *
 *   hidden_states [batch, seq, hidden]
 *     pre_layer_norm, linear_start     -> [batch, seq, 2 * hidden]
 *     glu                              -> [batch, seq, hidden]: the first half times sigmoid(the second)
 *     depthwise_conv1d, conv_norm, act_fn, linear_end
 *     + hidden_states
 */
#include "gemma4.h"

void gemma4_audio_light_conv1d_load(Gemma4AudioLightConv1d *m, Loader at, const Gemma4AudioConfig *config)
{
    int hidden = config->hidden_size;
    bool clipped = config->use_clipped_linears;

    m->path = at.path;
    gemma4_clippable_linear_load(&m->linear_start, child(at, "linear_start"), clipped, hidden, 2 * hidden);
    gemma4_clippable_linear_load(&m->linear_end, child(at, "linear_end"), clipped, hidden, hidden);
    gemma4_audio_causal_conv1d_load(&m->depthwise_conv1d, child(at, "depthwise_conv1d"), hidden,
                                    config->conv_kernel_size);

    gemma4_rms_norm_load(&m->pre_layer_norm, child(at, "pre_layer_norm"), hidden, config->rms_norm_eps, true);
    gemma4_rms_norm_load(&m->conv_norm, child(at, "conv_norm"), hidden, config->rms_norm_eps, true);
    m->act_fn = config->hidden_act;
    m->act_fn_path = child(at, "act_fn").path;

    m->gradient_clipping = config->gradient_clipping;
}

Tensor gemma4_audio_light_conv1d_forward(const Gemma4AudioLightConv1d *m, Tensor hidden_states, Run *run)
{
    ArenaMark mark = arena_mark(run->arena);
    Tensor residual = hidden_states;

    hidden_states = gemma4_rms_norm_forward(&m->pre_layer_norm, hidden_states, run);
    hidden_states = gemma4_clippable_linear_forward(&m->linear_start, hidden_states, run);
    hidden_states = glu(hidden_states, run);

    hidden_states = gemma4_audio_causal_conv1d_forward(&m->depthwise_conv1d, transpose_last(hidden_states, run), run);
    hidden_states = transpose_last(hidden_states, run);

    const real gradient_clipping = gemma4_audio_gradient_clipping(m->gradient_clipping, run);
    hidden_states = clamp_(hidden_states, -gradient_clipping, gradient_clipping);
    hidden_states = gemma4_rms_norm_forward(&m->conv_norm, hidden_states, run);

    hidden_states = tap_output(run, m->act_fn_path, act_fn_(m->act_fn, hidden_states, run));
    hidden_states = gemma4_clippable_linear_forward(&m->linear_end, hidden_states, run);
    hidden_states = add_(hidden_states, residual, run);
    return tap_output(run, m->path, keep(run, mark, hidden_states));
}
