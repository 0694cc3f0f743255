/* vision_mlp.c - Gemma4VisionMLP
 *
 *   x [batch, patches, hidden]
 *     act_fn(gate_proj(x)) * up_proj(x)    -> [batch, patches, intermediate]
 *     down_proj                            -> [batch, patches, hidden]
 */
#include "gemma4.h"

void gemma4_vision_mlp_load(Gemma4VisionMLP *m, Loader at, const Gemma4VisionConfig *config)
{
    int hidden = config->hidden_size, intermediate = config->intermediate_size;
    bool clipped = config->use_clipped_linears;

    m->path = at.path;
    gemma4_clippable_linear_load(&m->gate_proj, child(at, "gate_proj"), clipped, hidden, intermediate);
    gemma4_clippable_linear_load(&m->up_proj, child(at, "up_proj"), clipped, hidden, intermediate);
    gemma4_clippable_linear_load(&m->down_proj, child(at, "down_proj"), clipped, intermediate, hidden);
    m->act_fn = config->hidden_activation;
    m->act_fn_path = child(at, "act_fn").path;
}

Tensor gemma4_vision_mlp_forward(const Gemma4VisionMLP *m, Tensor x, Run *run)
{
    ArenaMark mark = arena_mark(run->arena);
    Tensor gate = gemma4_clippable_linear_forward(&m->gate_proj, x, run);
    gate = tap_output(run, m->act_fn_path, act_fn_(m->act_fn, gate, run));
    Tensor up = gemma4_clippable_linear_forward(&m->up_proj, x, run);
    Tensor down_proj = gemma4_clippable_linear_forward(&m->down_proj, mul_(gate, up, run), run);
    return tap_output(run, m->path, keep(run, mark, down_proj));
}
