/* eager_attention_forward.c - the free function of that name
 *
 *   query [batch, heads, seq, head_dim], key and value [batch, kv_heads, seq, head_dim]
 *     softmax(scaling * query key^T + attention_mask) value    -> attn_output [batch, seq, heads, head_dim]
 *
 * attn_weights [batch, heads, seq, seq] would grow with the square of the patches, so QUERY_BLOCK of its rows are held
 * at a time. attention_mask [batch, seq] is 0, or the lowest float at padding; its data is NULL where nothing is.
 */
#include "gemma4.h"

enum { QUERY_BLOCK = 252 }; /* measured: docs/performance.md */

Tensor eager_attention_forward(const char *path, Tensor query, Tensor key, Tensor value, int num_key_value_groups,
                               Tensor attention_mask, double scaling, Run *run)
{
    int64_t batch = query.shape[0], heads = query.shape[1], seq = query.shape[2], head_dim = query.shape[3];
    Tensor attn_output = new_tensor(run, batch, seq, heads, head_dim);

    ArenaMark mark = arena_mark(run->arena);
    Tensor block = new_tensor(run, seq < QUERY_BLOCK ? seq : QUERY_BLOCK, seq);
    for (int64_t b = 0; b < batch; b++)
        for (int64_t h = 0; h < heads; h++) {
            int64_t kv = h / num_key_value_groups; /* HF: repeat_kv */
            const real *mask = attention_mask.data ? attention_mask.data + b * seq : NULL;
            for (int64_t first = 0; first < seq; first += QUERY_BLOCK) {
                int64_t count = seq - first < QUERY_BLOCK ? seq - first : QUERY_BLOCK;
                Tensor attn_weights = { block.data, 2, { count, seq } };
                matmul_transposed(matrix(attn_weights), matrix_rows(matrix_of(query, b, h), first, count),
                                  matrix_of(key, b, kv), scaling, run);
                softmax_rows_(matrix(attn_weights), mask, run);
                tap_part(run, path, "attn_weights", SHAPE(batch, heads, seq, seq),
                         ((b * heads + h) * seq + first) * seq, attn_weights);
                Matrix output = { attn_output.data + ((b * seq + first) * heads + h) * head_dim, count, head_dim,
                                  heads * head_dim };
                matmul(output, matrix(attn_weights), matrix_of(value, b, kv), run);
            }
        }
    arena_release(run->arena, mark);
    return attn_output;
}
