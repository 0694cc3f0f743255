/* layer_norm.c - torch's LayerNorm over the last dimension */
#include "gemma4.h"

void layer_norm_load(LayerNorm *m, Loader at, int normalized_shape, double eps, bool bias)
{
    m->path = at.path;
    m->eps = eps;
    m->weight = load_tensor(at, "weight", normalized_shape);
    m->bias = bias ? load_tensor(at, "bias", normalized_shape) : NULL;
}

Tensor layer_norm_forward(const LayerNorm *m, Tensor x, Run *run)
{
    return tap_output(run, m->path, layer_norm(x, m->weight, m->bias, m->eps, run));
}
