/* text_mlp.c - Gemma4TextMLP
 *
 *   x [batch, seq, hidden]
 *     act_fn(gate_proj(x)) * up_proj(x)    -> [batch, seq, intermediate]
 *     down_proj                            -> [batch, seq, hidden]
 */
#include "gemma4.h"

void gemma4_text_mlp_load(Gemma4TextMLP *m, Loader at, const Gemma4TextConfig *config, int layer_idx)
{
    bool is_kv_shared_layer = config->layers[layer_idx].kv_sharing_mode == KV_REUSE;
    bool use_double_wide_mlp = config->use_double_wide_mlp && is_kv_shared_layer;
    int hidden_size = config->hidden_size;
    int intermediate_size = config->intermediate_size * (use_double_wide_mlp ? 2 : 1);

    m->path = at.path;
    linear_load(&m->gate_proj, child(at, "gate_proj"), hidden_size, intermediate_size, false);
    linear_load(&m->up_proj, child(at, "up_proj"), hidden_size, intermediate_size, false);
    linear_load(&m->down_proj, child(at, "down_proj"), intermediate_size, hidden_size, false);
    m->act_fn = config->hidden_activation;
    m->act_fn_path = child(at, "act_fn").path;
}

Tensor gemma4_text_mlp_forward(const Gemma4TextMLP *m, Tensor x, Run *run)
{
    ArenaMark mark = arena_mark(run->arena);
    Tensor gate = linear_forward(&m->gate_proj, x, run);
    gate = tap_output(run, m->act_fn_path, act_fn_(m->act_fn, gate, run));
    Tensor up = linear_forward(&m->up_proj, x, run);
    Tensor down_proj = linear_forward(&m->down_proj, mul_(gate, up, run), run);
    return tap_output(run, m->path, keep(run, mark, down_proj));
}
