/* rms_norm.c - Gemma4RMSNorm: the weight multiplies as it is, not as 1 + weight */
#include "gemma4.h"

void gemma4_rms_norm_load(Gemma4RMSNorm *m, Loader at, int dim, double eps, bool with_scale)
{
    m->path = at.path;
    m->eps = eps;
    m->weight = with_scale ? load_tensor(at, "weight", dim) : NULL;
}

Tensor gemma4_rms_norm_forward(const Gemma4RMSNorm *m, Tensor hidden_states, Run *run)
{
    return tap_output(run, m->path, rms_norm(hidden_states, m->weight, m->eps, run));
}
