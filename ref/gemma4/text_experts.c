/* text_experts.c - Gemma4TextExperts
 *
 *   hidden_states [tokens, hidden]; of each token, the experts in top_k_index
 *     gate, up = gate_up_proj[expert]
 *     down_proj[expert](act_fn(gate) * up), times the expert's top_k_weights
 *     summed over the token's experts, in the order of their numbers    -> [tokens, hidden]
 */
#include <assert.h>
#include <string.h>

#include "gemma4.h"

void gemma4_text_experts_load(Gemma4TextExperts *m, Loader at, const Gemma4TextConfig *config)
{
    int hidden_dim = config->hidden_size, intermediate_dim = config->moe_intermediate_size;

    m->path = at.path;
    m->num_experts = config->num_experts;
    m->gate_up_proj = load_tensor(at, "gate_up_proj", m->num_experts, 2 * intermediate_dim, hidden_dim);
    m->down_proj = load_tensor(at, "down_proj", m->num_experts, hidden_dim, intermediate_dim);
    m->act_fn = config->hidden_activation;
}

/* HF: torch.where(expert_mask[expert_idx]); the place in top_k_weights of each token that chose the expert */
static int64_t find_tokens(Routing routing, int64_t expert_idx, int64_t *places)
{
    int64_t count = 0;
    for (int64_t i = 0; i < routing.tokens * routing.k; i++)
        if (routing.top_k_index[i] == expert_idx) places[count++] = i;
    return count;
}

static Tensor expert_forward(const Gemma4TextExperts *m, int64_t expert_idx, Tensor current_state, Run *run)
{
    Array gate_up_proj = array_at(m->gate_up_proj, expert_idx), down_proj = array_at(m->down_proj, expert_idx);
    int64_t half = gate_up_proj.shape[0] / 2;
    Tensor gate_up = linear(current_state, &gate_up_proj, NULL, run);
    Tensor gate = narrow(gate_up, 1, 0, half, run), up = narrow(gate_up, 1, half, half, run);
    Tensor current_hidden_states = mul_(act_fn_(m->act_fn, gate, run), up, run);
    return linear(current_hidden_states, &down_proj, NULL, run);
}

Tensor gemma4_text_experts_forward(const Gemma4TextExperts *m, Tensor hidden_states, Routing routing, Run *run)
{
    int64_t tokens = hidden_states.shape[0], hidden_dim = hidden_states.shape[1], k = routing.k;
    Tensor final_hidden_states = new_tensor(run, tokens, hidden_dim);
    memset(final_hidden_states.data, 0, (size_t)(tokens * hidden_dim) * sizeof(real));
    int64_t *places = arena_allocate(run->arena, checked_size(tokens, k, sizeof *places));

    ArenaMark mark = arena_mark(run->arena);
    for (int64_t expert_idx = 0; expert_idx < m->num_experts; expert_idx++) {
        int64_t count = find_tokens(routing, expert_idx, places);
        if (count == 0) continue;
        Tensor current_state = new_tensor(run, count, hidden_dim);
        for (int64_t i = 0; i < count; i++)
            memcpy(current_state.data + i * hidden_dim, hidden_states.data + places[i] / k * hidden_dim,
                   (size_t)hidden_dim * sizeof(real));

        Tensor current_hidden_states = expert_forward(m, expert_idx, current_state, run);
        for (int64_t i = 0; i < count; i++) {
            Tensor row = { current_hidden_states.data + i * hidden_dim, 1, { hidden_dim } };
            Tensor sum = { final_hidden_states.data + places[i] / k * hidden_dim, 1, { hidden_dim } };
            add_(sum, scale_(row, routing.top_k_weights.data[places[i]], run), run); /* HF: index_add_ */
        }
        arena_release(run->arena, mark);
    }
    return tap_output(run, m->path, final_hidden_states);
}
