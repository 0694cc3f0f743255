/* audio_sub_sample_conv_projection_layer.c - Gemma4AudioSubSampleConvProjectionLayer
 *
 *   hidden_states [batch, in_channels, frames, bins], mask [batch, frames]
 *     zero at padding
 *     conv 3 x 3, stride 2, padding 1      -> [batch, out_channels, frames / 2, bins / 2], both rounded up
 *     norm over the channels, act
 *     mask[:, ::2]
 *
 * The convolution sees a frame to each side: without the zeros, what lies behind a shorter clip would leak into it.
 */
#include "gemma4.h"

void gemma4_audio_sub_sample_conv_projection_layer_load(Gemma4AudioSubSampleConvProjectionLayer *m, Loader at,
                                                        int in_channels, int out_channels, double norm_eps)
{
    m->path = at.path;
    m->conv_path = child(at, "conv").path;
    m->act_path = child(at, "act").path;
    m->conv = load_tensor(child(at, "conv"), "weight", out_channels, in_channels, 3, 3);
    layer_norm_load(&m->norm, child(at, "norm"), out_channels, norm_eps, false);
}

static Tensor mul_mask(Tensor x, const bool *mask, Run *run)
{
    int64_t channels = x.shape[1], frames = x.shape[2], bins = x.shape[3];
    Tensor y = tensor_clone(x, run);
    for (int64_t i = 0; i < rows(y); i++)
        for (int64_t j = 0; j < bins; j++) y.data[i * bins + j] *= mask[i / frames / channels * frames + i % frames];
    return y;
}

Tensor gemma4_audio_sub_sample_conv_projection_layer_forward(const Gemma4AudioSubSampleConvProjectionLayer *m,
                                                             Tensor hidden_states, const bool **mask, Run *run)
{
    int64_t batch = hidden_states.shape[0], frames = hidden_states.shape[2];
    hidden_states = to_dtype_(mul_mask(hidden_states, *mask, run), run);

    hidden_states = tap_output(run, m->conv_path, conv2d(hidden_states, m->conv, 2, 1, run));
    int64_t channels = hidden_states.shape[1], new_frames = hidden_states.shape[2], bins = hidden_states.shape[3];
    hidden_states = transpose_last(view(hidden_states, batch, channels, new_frames * bins), run);
    hidden_states = layer_norm_forward(&m->norm, view(hidden_states, batch, new_frames, bins, channels), run);
    hidden_states = transpose_last(view(hidden_states, batch, new_frames * bins, channels), run);
    hidden_states = view(hidden_states, batch, channels, new_frames, bins);
    hidden_states = tap_output(run, m->act_path, act_fn_(RELU, hidden_states, run));

    bool *new_mask = arena_allocate(run->arena, checked_size(batch, new_frames, sizeof *new_mask));
    for (int64_t i = 0; i < batch * new_frames; i++)
        new_mask[i] = (*mask)[i / new_frames * frames + 2 * (i % new_frames)];
    *mask = new_mask;
    return tap_output(run, m->path, hidden_states);
}
