/* eager_attention_forward.c - the free function of that name
 *
 *   query [batch, heads, q, head_dim], key and value [batch, kv_heads, kv, head_dim]
 *     softmax(scaling * query key^T + attention_mask) value    -> attn_output [batch, q, heads, head_dim]
 *
 * attn_weights [batch, heads, q, kv] would grow with the square of the tokens, so QUERY_BLOCK of its rows are held at a
 * time. attention_mask [batch, 1, q or 1, kv] is 0, or the lowest float where a query may not look; its data is NULL
 * where every query may look everywhere.
 */
#include "gemma4.h"

enum { QUERY_BLOCK = 252 }; /* measured: docs/performance.md */

static Matrix mask_rows(Tensor attention_mask, int64_t b, int64_t first, int64_t count)
{
    if (!attention_mask.data) return (Matrix){ 0 };
    Matrix mask = matrix_of(attention_mask, b, 0);
    return mask.rows == 1 ? mask : matrix_rows(mask, first, count);
}

Tensor eager_attention_forward(AttentionModule module, Tensor query, Tensor key, Tensor value, Tensor attention_mask,
                               Run *run)
{
    int64_t batch = query.shape[0], heads = query.shape[1], q = query.shape[2], head_dim = query.shape[3];
    int64_t kv = key.shape[2];
    Tensor attn_output = new_tensor(run, batch, q, heads, head_dim);

    ArenaMark mark = arena_mark(run->arena);
    Tensor block = new_tensor(run, q < QUERY_BLOCK ? q : QUERY_BLOCK, kv);
    for (int64_t b = 0; b < batch; b++)
        for (int64_t h = 0; h < heads; h++) {
            int64_t kv_head = h / module.num_key_value_groups; /* HF: repeat_kv */
            for (int64_t first = 0; first < q; first += QUERY_BLOCK) {
                int64_t count = q - first < QUERY_BLOCK ? q - first : QUERY_BLOCK;
                Tensor attn_weights = { block.data, 2, { count, kv } };
                matmul_transposed(matrix(attn_weights), matrix_rows(matrix_of(query, b, h), first, count),
                                  matrix_of(key, b, kv_head), module.scaling, run);
                softmax_rows_(matrix(attn_weights), mask_rows(attention_mask, b, first, count), run);
                attn_weights = to_dtype_(attn_weights, run);
                tap_part(run, module.path, "attn_weights",
                         (TensorPart){ attn_weights, ((b * heads + h) * q + first) * kv, SHAPE(batch, heads, q, kv) });
                Matrix output = { attn_output.data + ((b * q + first) * heads + h) * head_dim, count, head_dim,
                                  heads * head_dim };
                matmul(output, matrix(attn_weights), matrix_of(value, b, kv_head), run);
            }
        }
    arena_release(run->arena, mark);
    return attn_output;
}
