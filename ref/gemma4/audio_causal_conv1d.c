/* audio_causal_conv1d.c - Gemma4AudioCausalConv1d: each channel by itself, from the kernel_size - 1 frames before on
 *
 *   x [batch, hidden, seq]  ->  [batch, hidden, seq]
 */
#include "gemma4.h"

void gemma4_audio_causal_conv1d_load(Gemma4AudioCausalConv1d *m, Loader at, int channels, int kernel_size)
{
    m->path = at.path;
    m->left_pad = kernel_size - 1;
    m->weight = load_tensor(at, "weight", channels, 1, kernel_size);
}

Tensor gemma4_audio_causal_conv1d_forward(const Gemma4AudioCausalConv1d *m, Tensor x, Run *run)
{
    return tap_output(run, m->path, depthwise_conv1d(x, m->weight, m->left_pad, run));
}
