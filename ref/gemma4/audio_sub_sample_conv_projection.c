/* audio_sub_sample_conv_projection.c - Gemma4AudioSubSampleConvProjection: four frames of 10 ms become one of 40 ms
 *
 *   input_features [batch, frames, bins], input_features_mask [batch, frames]
 *     layer0                   -> [batch, channels 0, frames / 2, bins / 2]
 *     layer1                   -> [batch, channels 1, frames / 4, bins / 4]
 *     input_proj_linear        -> [batch, frames / 4, hidden], of all bins and channels of a frame, channels last
 */
#include "gemma4.h"

/* HF has no key for the bins: it makes the projection as wide as if they were as many as the first channels. */
int gemma4_audio_bins(const Gemma4AudioConfig *config) { return config->subsampling_conv_channels[0] / 4; }

void gemma4_audio_sub_sample_conv_projection_load(Gemma4AudioSubSampleConvProjection *m, Loader at,
                                                  const Gemma4AudioConfig *config)
{
    const int *channels = config->subsampling_conv_channels;
    int proj_input_dim = channels[0] / 4 * channels[1];

    m->path = at.path;
    gemma4_audio_sub_sample_conv_projection_layer_load(&m->layer0, child(at, "layer0"), 1, channels[0],
                                                       config->rms_norm_eps);
    gemma4_audio_sub_sample_conv_projection_layer_load(&m->layer1, child(at, "layer1"), channels[0], channels[1],
                                                       config->rms_norm_eps);
    linear_load(&m->input_proj_linear, child(at, "input_proj_linear"), proj_input_dim, config->hidden_size, false);
}

Tensor gemma4_audio_sub_sample_conv_projection_forward(const Gemma4AudioSubSampleConvProjection *m,
                                                       Tensor input_features, const bool **mask, Run *run)
{
    Tensor hidden_states = view(input_features, input_features.shape[0], 1, input_features.shape[1],
                                last(input_features));
    hidden_states = gemma4_audio_sub_sample_conv_projection_layer_forward(&m->layer0, hidden_states, mask, run);
    hidden_states = gemma4_audio_sub_sample_conv_projection_layer_forward(&m->layer1, hidden_states, mask, run);

    int64_t batch = hidden_states.shape[0], channels = hidden_states.shape[1], seq_len = hidden_states.shape[2];
    hidden_states = transpose_last(view(hidden_states, batch, channels, -1), run);
    hidden_states = view(hidden_states, batch, seq_len, -1);
    hidden_states = tap_output(run, m->path, linear_forward(&m->input_proj_linear, hidden_states, run));
    tap_mask(run, m->path, "mask", *mask, batch, seq_len);
    return hidden_states;
}
