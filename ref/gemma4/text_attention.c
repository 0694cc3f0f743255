/* text_attention.c - Gemma4TextAttention
 *
 *   hidden_states [batch, seq, hidden]
 *     q_proj, k_proj, v_proj         -> [batch, seq, heads, head_dim]
 *     q_norm, k_norm, v_norm         RMSNorm over head_dim; v_norm has no weight
 *     apply_rotary_pos_emb           query and key
 *     past_key_values                keys and values of the tokens before are put in front
 *     softmax(scaling * q k^T + mask) v
 *     o_proj                         -> [batch, seq, hidden]
 *
 * Shared layers have no keys and values of their own, but those that the last layer of their type stored. With
 * attention_k_eq_v full layers have no v_proj: the values are k_proj's output, before k_norm and RoPE.
 */
#include "gemma4.h"

void gemma4_text_attention_load(Gemma4TextAttention *m, Loader at, const Gemma4TextConfig *config, int layer_idx)
{
    const Gemma4TextLayerConfig *layer_config = &config->layers[layer_idx];
    int hidden = config->hidden_size, head_dim = layer_config->head_dim;
    int q_dim = config->num_attention_heads * head_dim, kv_dim = layer_config->num_key_value_heads * head_dim;
    bool bias = config->attention_bias;
    double eps = config->rms_norm_eps;

    m->path = at.path;
    m->layer_idx = layer_idx;
    m->layer_type = layer_config->layer_type;
    m->head_dim = head_dim;
    m->use_alternative_attention = config->attention_k_eq_v && m->layer_type == FULL_ATTENTION;
    m->num_key_value_groups = config->num_attention_heads / layer_config->num_key_value_heads;
    m->scaling = 1.0;
    m->is_kv_shared_layer = layer_config->kv_sharing_mode == KV_REUSE;
    m->store_full_length_kv = layer_config->kv_sharing_mode == KV_STORE;

    linear_load(&m->q_proj, child(at, "q_proj"), hidden, q_dim, bias);
    gemma4_rms_norm_load(&m->q_norm, child(at, "q_norm"), head_dim, eps, true);
    if (!m->is_kv_shared_layer) { /* the file may hold these all the same */
        m->cache_scales = cache_scales_load(at);
        gemma4_rms_norm_load(&m->k_norm, child(at, "k_norm"), head_dim, eps, true);
        gemma4_rms_norm_load(&m->v_norm, child(at, "v_norm"), head_dim, eps, false);
        linear_load(&m->k_proj, child(at, "k_proj"), hidden, kv_dim, bias);
        if (!m->use_alternative_attention) linear_load(&m->v_proj, child(at, "v_proj"), hidden, kv_dim, bias);
    }
    linear_load(&m->o_proj, child(at, "o_proj"), q_dim, hidden, bias);
}

/* HF: shared_kv_states[layer_type] = key_states, value_states */
static void store(SharedKvStates *shared_kv_states, LayerType layer_type, KeyValueStates states)
{
    Run shared = { .arena = &shared_kv_states->arena };
    shared_kv_states->of[layer_type].key_states = tensor_clone(states.key_states, &shared);
    shared_kv_states->of[layer_type].value_states = tensor_clone(states.value_states, &shared);
}

static KeyValueStates make_states(const Gemma4TextAttention *m, Tensor hidden_states,
                                  const Gemma4TextLayerArguments *arguments, Run *run)
{
    int64_t batch = hidden_states.shape[0], seq = hidden_states.shape[1], head_dim = m->head_dim;
    Tensor cos = arguments->position_embeddings.cos, sin = arguments->position_embeddings.sin;
    if (m->is_kv_shared_layer) return arguments->shared_kv_states->of[m->layer_type];

    Tensor key_states = view(linear_forward(&m->k_proj, hidden_states, run), batch, seq, -1, head_dim);
    Tensor value_states = m->use_alternative_attention
                              ? key_states
                              : view(linear_forward(&m->v_proj, hidden_states, run), batch, seq, -1, head_dim);

    key_states = gemma4_rms_norm_forward(&m->k_norm, key_states, run);
    apply_rotary_pos_emb_(key_states, cos, sin, 0, head_dim, run);
    key_states = transpose_1_2(key_states, run);

    value_states = gemma4_rms_norm_forward(&m->v_norm, value_states, run);
    value_states = transpose_1_2(value_states, run);

    if (arguments->past_key_values)
        dynamic_cache_update(arguments->past_key_values, m->layer_idx, &key_states, &value_states, run);
    return (KeyValueStates){ key_states, value_states };
}

/* Keeps them as a hook leaves them, and the run's cache after it: shared ones have been through that. */
static KeyValueStates keep_states(const Gemma4TextAttention *m, KeyValueStates states,
                                  const Gemma4TextLayerArguments *arguments, Run *run)
{
    states.key_states = tap_copy(run, m->path, "key_states", states.key_states);
    states.value_states = tap_copy(run, m->path, "value_states", states.value_states);
    if (!m->is_kv_shared_layer) {
        states.key_states = as_cached(states.key_states, m->cache_scales.key, run);
        states.value_states = as_cached(states.value_states, m->cache_scales.value, run);
    }
    if (arguments->past_key_values && !m->is_kv_shared_layer)
        dynamic_cache_keep(arguments->past_key_values, m->layer_idx, states.key_states, states.value_states);
    if (m->store_full_length_kv) store(arguments->shared_kv_states, m->layer_type, states);
    return (KeyValueStates){ as_read(states.key_states, run), as_read(states.value_states, run) };
}

void gemma4_text_attention_keep_states(const Gemma4TextAttention *m, Tensor hidden_states,
                                       const Gemma4TextLayerArguments *arguments, Run *run)
{
    ArenaMark mark = arena_mark(run->arena);
    keep_states(m, make_states(m, hidden_states, arguments, run), arguments, run);
    arena_release(run->arena, mark);
}

Tensor gemma4_text_attention_forward(const Gemma4TextAttention *m, Tensor hidden_states,
                                     const Gemma4TextLayerArguments *arguments, Run *run)
{
    int64_t batch = hidden_states.shape[0], seq = hidden_states.shape[1], head_dim = m->head_dim;
    Tensor cos = arguments->position_embeddings.cos, sin = arguments->position_embeddings.sin;
    ArenaMark mark = arena_mark(run->arena);

    Tensor query_states = linear_forward(&m->q_proj, hidden_states, run);
    query_states = view(query_states, batch, seq, -1, head_dim);
    query_states = gemma4_rms_norm_forward(&m->q_norm, query_states, run);
    apply_rotary_pos_emb_(query_states, cos, sin, 0, head_dim, run);
    query_states = transpose_1_2(query_states, run);

    KeyValueStates states = make_states(m, hidden_states, arguments, run);

    query_states = tap_local(run, m->path, "query_states", query_states);
    states = keep_states(m, states, arguments, run);

    AttentionModule module = { m->path, m->num_key_value_groups, m->scaling };
    Tensor attn_output = eager_attention_forward(module, query_states, states.key_states, states.value_states,
                                                 arguments->attention_mask, run);

    attn_output = view(attn_output, batch, seq, -1);
    attn_output = tap_local(run, m->path, "attn_output", attn_output);
    attn_output = linear_forward(&m->o_proj, attn_output, run);
    return tap_output(run, m->path, keep(run, mark, attn_output));
}
