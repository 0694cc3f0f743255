/* clippable_linear.c - Gemma4ClippableLinear, and torch's Linear
 *
 *   hidden_states [.., in_features]
 *     clamp to input_min .. input_max     only with use_clipped_linears
 *     linear                              -> [.., out_features]
 *     clamp to output_min .. output_max
 */
#include "gemma4.h"

void linear_load(Linear *m, Loader at, int in_features, int out_features, bool bias)
{
    m->path = at.path;
    m->weight = load_tensor(at, "weight", out_features, in_features);
    m->bias = bias ? load_tensor(at, "bias", out_features) : NULL;
}

Tensor linear_forward(const Linear *m, Tensor x, Run *run)
{
    return tap_output(run, m->path, linear(x, m->weight, m->bias, run));
}

Tensor linear_of_patches_forward(const Linear *m, Tensor x, Run *run)
{
    return tap_output(run, m->path, linear_of_patches(x, m->weight, m->bias, run));
}

void gemma4_clippable_linear_load(Gemma4ClippableLinear *m, Loader at, bool use_clipped_linears, int in_features,
                                  int out_features)
{
    m->path = at.path;
    m->use_clipped_linears = use_clipped_linears;
    linear_load(&m->linear, child(at, "linear"), in_features, out_features, false);

    if (m->use_clipped_linears) {
        m->input_min = load_scalar(at, "input_min");
        m->input_max = load_scalar(at, "input_max");
        m->output_min = load_scalar(at, "output_min");
        m->output_max = load_scalar(at, "output_max");
    }
}

Tensor gemma4_clippable_linear_forward(const Gemma4ClippableLinear *m, Tensor hidden_states, Run *run)
{
    if (m->use_clipped_linears)
        hidden_states = clamp(hidden_states, weight_scalar(run, m->input_min), weight_scalar(run, m->input_max), run);

    hidden_states = linear_forward(&m->linear, hidden_states, run);

    if (m->use_clipped_linears)
        hidden_states = clamp_(hidden_states, weight_scalar(run, m->output_min), weight_scalar(run, m->output_max));

    return tap_output(run, m->path, hidden_states);
}
