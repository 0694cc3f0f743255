/* vision_attention.c - Gemma4VisionAttention
 *
 *   hidden_states [batch, seq, hidden]
 *     q_proj, k_proj, v_proj         -> [batch, seq, heads, head_dim]
 *     q_norm, k_norm, v_norm         RMSNorm over head_dim; v_norm has no weight
 *     apply_multidimensional_rope    query and key
 *     softmax(scaling * q k^T + mask) v
 *     o_proj                         -> [batch, seq, hidden]
 */
#include "gemma4.h"

void gemma4_vision_attention_load(Gemma4VisionAttention *m, Loader at, const Gemma4VisionConfig *config)
{
    int hidden = config->hidden_size, head_dim = config->head_dim;
    int q_dim = config->num_attention_heads * head_dim, kv_dim = config->num_key_value_heads * head_dim;
    bool clipped = config->use_clipped_linears;

    m->path = at.path;
    m->num_key_value_groups = config->num_attention_heads / config->num_key_value_heads;
    m->head_dim = head_dim;
    m->scaling = 1.0;
    gemma4_clippable_linear_load(&m->q_proj, child(at, "q_proj"), clipped, hidden, q_dim);
    gemma4_clippable_linear_load(&m->k_proj, child(at, "k_proj"), clipped, hidden, kv_dim);
    gemma4_clippable_linear_load(&m->v_proj, child(at, "v_proj"), clipped, hidden, kv_dim);
    gemma4_clippable_linear_load(&m->o_proj, child(at, "o_proj"), clipped, q_dim, hidden);

    gemma4_rms_norm_load(&m->q_norm, child(at, "q_norm"), head_dim, config->rms_norm_eps, true);
    gemma4_rms_norm_load(&m->k_norm, child(at, "k_norm"), head_dim, config->rms_norm_eps, true);
    gemma4_rms_norm_load(&m->v_norm, child(at, "v_norm"), head_dim, config->rms_norm_eps, false);
}

Tensor gemma4_vision_attention_forward(const Gemma4VisionAttention *m, Tensor hidden_states,
                                       PositionEmbeddings position_embeddings, Tensor attention_mask, Run *run)
{
    int64_t batch = hidden_states.shape[0], seq = hidden_states.shape[1];
    int64_t head_dim = m->head_dim;
    ArenaMark mark = arena_mark(run->arena);

    Tensor query_states = gemma4_clippable_linear_forward(&m->q_proj, hidden_states, run);
    query_states = view(query_states, batch, seq, -1, head_dim);
    query_states = gemma4_rms_norm_forward(&m->q_norm, query_states, run);
    apply_multidimensional_rope_(query_states, position_embeddings, run);
    query_states = transpose_1_2(query_states, run);
    query_states = tap_local(run, m->path, "query_states", query_states);

    Tensor key_states = gemma4_clippable_linear_forward(&m->k_proj, hidden_states, run);
    key_states = view(key_states, batch, seq, -1, head_dim);
    key_states = gemma4_rms_norm_forward(&m->k_norm, key_states, run);
    apply_multidimensional_rope_(key_states, position_embeddings, run);
    key_states = transpose_1_2(key_states, run);
    key_states = tap_local(run, m->path, "key_states", key_states);

    Tensor value_states = gemma4_clippable_linear_forward(&m->v_proj, hidden_states, run);
    value_states = view(value_states, batch, seq, -1, head_dim);
    value_states = gemma4_rms_norm_forward(&m->v_norm, value_states, run);
    value_states = transpose_1_2(value_states, run);
    value_states = tap_local(run, m->path, "value_states", value_states);

    AttentionModule module = { m->path, m->num_key_value_groups, m->scaling };
    Tensor attn_output = eager_attention_forward(module, query_states, key_states, value_states, attention_mask, run);

    attn_output = view(attn_output, batch, seq, -1);
    attn_output = tap_local(run, m->path, "attn_output", attn_output);
    attn_output = gemma4_clippable_linear_forward(&m->o_proj, attn_output, run);
    return tap_output(run, m->path, keep(run, mark, attn_output));
}
