/* audio_layer.c - Gemma4AudioLayer: a conformer layer, half a feed-forward on either side of attention and convolution
 *
 *   hidden_states [batch, seq, hidden]
 *     feed_forward1
 *     + norm_post_attn(self_attn(norm_pre_attn(hidden_states)))
 *     lconv1d, feed_forward2           each adds to what it is given
 *     norm_out                         nothing passes it by
 *
 * Its norms have torch's 1e-6, whatever rms_norm_eps says. The residual of attention is from before the first clamp.
 */
#include "gemma4.h"

void gemma4_audio_layer_load(Gemma4AudioLayer *m, Loader at, const Gemma4AudioConfig *config)
{
    int hidden = config->hidden_size;

    m->path = at.path;
    gemma4_audio_feed_forward_load(&m->feed_forward1, child(at, "feed_forward1"), config);
    gemma4_audio_feed_forward_load(&m->feed_forward2, child(at, "feed_forward2"), config);
    gemma4_audio_attention_load(&m->self_attn, child(at, "self_attn"), config);
    gemma4_audio_light_conv1d_load(&m->lconv1d, child(at, "lconv1d"), config);

    gemma4_rms_norm_load(&m->norm_pre_attn, child(at, "norm_pre_attn"), hidden, GEMMA4_RMS_NORM_EPS, true);
    gemma4_rms_norm_load(&m->norm_post_attn, child(at, "norm_post_attn"), hidden, GEMMA4_RMS_NORM_EPS, true);
    gemma4_rms_norm_load(&m->norm_out, child(at, "norm_out"), hidden, GEMMA4_RMS_NORM_EPS, true);

    m->gradient_clipping = config->gradient_clipping;
}

Tensor gemma4_audio_layer_forward(const Gemma4AudioLayer *m, Tensor hidden_states, Tensor attention_mask,
                                  Tensor position_embeddings, Run *run)
{
    if (is_known(run, m->path))
        return tap_output(run, m->path, tensor_new(run, hidden_states.rank, hidden_states.shape));
    const real gradient_clipping = gemma4_audio_gradient_clipping(m->gradient_clipping, run);

    hidden_states = gemma4_audio_feed_forward_forward(&m->feed_forward1, hidden_states, run);
    Tensor residual = hidden_states;

    hidden_states = clamp(hidden_states, -gradient_clipping, gradient_clipping, run);
    hidden_states = gemma4_rms_norm_forward(&m->norm_pre_attn, hidden_states, run);

    hidden_states = gemma4_audio_attention_forward(&m->self_attn, hidden_states, position_embeddings, attention_mask,
                                                   run);

    hidden_states = clamp_(hidden_states, -gradient_clipping, gradient_clipping);
    hidden_states = gemma4_rms_norm_forward(&m->norm_post_attn, hidden_states, run);
    hidden_states = add_(hidden_states, residual, run);

    hidden_states = gemma4_audio_light_conv1d_forward(&m->lconv1d, hidden_states, run);
    hidden_states = gemma4_audio_feed_forward_forward(&m->feed_forward2, hidden_states, run);

    hidden_states = clamp_(hidden_states, -gradient_clipping, gradient_clipping);
    hidden_states = gemma4_rms_norm_forward(&m->norm_out, hidden_states, run);

    return tap_output(run, m->path, hidden_states);
}
