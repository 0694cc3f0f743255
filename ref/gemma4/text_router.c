/* text_router.c - Gemma4TextRouter: which experts a token goes to, and with what weight
 *
 *   hidden_states [tokens, hidden]
 *     norm * scale * hidden^-0.5
 *     softmax(proj)                           -> router_probabilities [tokens, num_experts], float32 from here on
 *     the top_k_experts largest, summing to 1, times per_expert_scale    -> top_k_weights [tokens, top_k_experts]
 *
 * The probabilities are tapped before the choice, and the choice before its weights, so that what a hook replaces
 * decides what follows.
 */
#include <assert.h>
#include <math.h>

#include "gemma4.h"

void gemma4_text_router_load(Gemma4TextRouter *m, Loader at, const Gemma4TextConfig *config)
{
    m->path = at.path;
    m->top_k_experts = config->top_k_experts;
    m->scalar_root_size = 1 / sqrt(config->hidden_size);
    gemma4_rms_norm_load(&m->norm, child(at, "norm"), config->hidden_size, config->rms_norm_eps, false);
    linear_load(&m->proj, child(at, "proj"), config->hidden_size, config->num_experts, false);
    m->scale = load_tensor(at, "scale", config->hidden_size);
    m->per_expert_scale = load_tensor(at, "per_expert_scale", config->num_experts);
}

/* As a tap holds numbers of one kind, the chosen experts pass the hook as such. */
static void tap_index(const char *path, int64_t *top_k_index, int64_t tokens, int64_t k, int num_experts, Run *run)
{
    Tensor index = new_tensor(run, tokens, k);
    for (int64_t i = 0; i < tokens * k; i++) index.data[i] = (real)top_k_index[i];
    index = tap_local(run, path, "top_k_index", index);
    for (int64_t i = 0; i < tokens * k; i++) {
        top_k_index[i] = (int64_t)index.data[i];
        assert(top_k_index[i] >= 0 && top_k_index[i] < num_experts);
    }
}

Routing gemma4_text_router_forward(const Gemma4TextRouter *m, Tensor hidden_states, Run *run)
{
    int64_t tokens = hidden_states.shape[0], k = m->top_k_experts;
    hidden_states = gemma4_rms_norm_forward(&m->norm, hidden_states, run);
    hidden_states = mul_row_(tensor_clone(hidden_states, run), m->scale, run);
    hidden_states = scale_(hidden_states, m->scalar_root_size, run);

    Tensor router_probabilities = tensor_clone(linear_forward(&m->proj, hidden_states, run), run);
    softmax_rows_(matrix(router_probabilities), (Matrix){ 0 }, run);
    router_probabilities = tap_output(run, m->path, router_probabilities);

    Routing routing = { tokens, k, new_tensor(run, tokens, k), NULL };
    routing.top_k_index = arena_allocate(run->arena, checked_size(tokens, k, sizeof *routing.top_k_index));
    top_k(matrix(router_probabilities), k, matrix(routing.top_k_weights), routing.top_k_index);
    tap_index(m->path, routing.top_k_index, tokens, k, (int)last(router_probabilities), run);

    real *per_expert_scale = new_tensor(run, last(router_probabilities)).data;
    read_weight(run, m->per_expert_scale, 0, last(router_probabilities), per_expert_scale);
    for (int64_t i = 0; i < tokens; i++) {
        const real *probabilities = router_probabilities.data + i * last(router_probabilities);
        const int64_t *index = routing.top_k_index + i * k;
        real *weights = routing.top_k_weights.data + i * k, sum = 0;
        for (int64_t j = 0; j < k; j++) weights[j] = probabilities[index[j]];
        for (int64_t j = 0; j < k; j++) sum += weights[j];
        for (int64_t j = 0; j < k; j++) weights[j] = weights[j] / sum * per_expert_scale[index[j]];
    }
    routing.top_k_weights = tap_local(run, m->path, "top_k_weights", routing.top_k_weights);
    return routing;
}
