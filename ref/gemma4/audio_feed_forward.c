/* audio_feed_forward.c - Gemma4AudioFeedForward: half a step of a conformer layer's two feed-forwards
 *
 *   hidden_states [batch, seq, hidden]
 *     + residual_weight * post_layer_norm(ffw_layer_2(act(ffw_layer_1(pre_layer_norm(hidden_states)))))
 *
 * Its norms have torch's 1e-6, whatever rms_norm_eps says.
 */
#include <math.h>

#include "gemma4.h"

real gemma4_audio_gradient_clipping(double gradient_clipping, const Run *run)
{
    real clipping = (real)fmin(gradient_clipping, (double)-dtype_min(run));
    round_to(run->rounding, &clipping, 1); /* torch: a bound of clamp is of the dtype */
    return clipping;
}

void gemma4_audio_feed_forward_load(Gemma4AudioFeedForward *m, Loader at, const Gemma4AudioConfig *config)
{
    int hidden = config->hidden_size;

    m->path = at.path;
    gemma4_clippable_linear_load(&m->ffw_layer_1, child(at, "ffw_layer_1"), config->use_clipped_linears, hidden,
                                 4 * hidden);
    gemma4_clippable_linear_load(&m->ffw_layer_2, child(at, "ffw_layer_2"), config->use_clipped_linears, 4 * hidden,
                                 hidden);
    gemma4_rms_norm_load(&m->pre_layer_norm, child(at, "pre_layer_norm"), hidden, GEMMA4_RMS_NORM_EPS, true);
    gemma4_rms_norm_load(&m->post_layer_norm, child(at, "post_layer_norm"), hidden, GEMMA4_RMS_NORM_EPS, true);
    m->act_fn = config->hidden_act;
    m->act_fn_path = child(at, "act_fn").path;

    m->gradient_clipping = config->gradient_clipping;
    m->post_layer_scale = config->residual_weight;
}

Tensor gemma4_audio_feed_forward_forward(const Gemma4AudioFeedForward *m, Tensor hidden_states, Run *run)
{
    const real gradient_clipping = gemma4_audio_gradient_clipping(m->gradient_clipping, run);
    ArenaMark mark = arena_mark(run->arena);

    Tensor residual = hidden_states;
    hidden_states = clamp(hidden_states, -gradient_clipping, gradient_clipping, run);
    hidden_states = gemma4_rms_norm_forward(&m->pre_layer_norm, hidden_states, run);

    hidden_states = gemma4_clippable_linear_forward(&m->ffw_layer_1, hidden_states, run);
    hidden_states = tap_output(run, m->act_fn_path, act_fn_(m->act_fn, hidden_states, run));
    hidden_states = gemma4_clippable_linear_forward(&m->ffw_layer_2, hidden_states, run);

    hidden_states = clamp_(hidden_states, -gradient_clipping, gradient_clipping);
    hidden_states = gemma4_rms_norm_forward(&m->post_layer_norm, hidden_states, run);
    hidden_states = scale_(hidden_states, m->post_layer_scale, run);
    hidden_states = add_(hidden_states, residual, run);

    return tap_output(run, m->path, keep(run, mark, hidden_states));
}
