/* audio_attention.c - Gemma4AudioAttention: chunked local attention with relative positions
 *
 *   hidden_states [batch, seq, hidden]
 *     q_proj, k_proj, v_proj       -> [batch, seq, heads, head_dim]
 *     queries in chunks            -> [batch, blocks, chunk, heads, head_dim], scaled for each channel
 *     keys, values in contexts     -> [batch, blocks, context, heads, head_dim], which overlap
 *     matrix_ac                    query key^T                       } [batch, heads, blocks, chunk, context]
 *     matrix_bd                    query relative key^T, shifted     }
 *     softmax(softcap(matrix_ac + matrix_bd), masked) value
 *     post                         -> [batch, seq, hidden]
 *
 * A query hears no further than its context, so everything grows with seq, not with its square. All of it is float32,
 * whatever the dtype, from behind the projections up to `post`.
 */
#include <math.h>
#include <string.h>

#include "gemma4.h"

int gemma4_audio_context_size(const Gemma4AudioConfig *config)
{
    return config->attention_chunk_size + config->attention_context_left - 1 + config->attention_context_right;
}

void gemma4_audio_attention_load(Gemma4AudioAttention *m, Loader at, const Gemma4AudioConfig *config)
{
    int hidden = config->hidden_size;
    bool clipped = config->use_clipped_linears;

    m->path = at.path;
    m->softcap = (float)config->attention_logit_cap;
    m->invalid_logits_value = config->attention_invalid_logits_value;
    m->head_dim = hidden / config->num_attention_heads;
    m->num_heads = config->num_attention_heads;

    m->q_scale = 1 / sqrt(m->head_dim) / log(2);
    m->k_scale = log(1 + exp(1)) / log(2);

    m->chunk_size = config->attention_chunk_size;
    m->max_past_horizon = config->attention_context_left - 1;
    m->context_size = gemma4_audio_context_size(config);

    gemma4_clippable_linear_load(&m->q_proj, child(at, "q_proj"), clipped, hidden, hidden);
    gemma4_clippable_linear_load(&m->k_proj, child(at, "k_proj"), clipped, hidden, hidden);
    gemma4_clippable_linear_load(&m->v_proj, child(at, "v_proj"), clipped, hidden, hidden);
    gemma4_clippable_linear_load(&m->post, child(at, "post"), clipped, hidden, hidden);

    linear_load(&m->relative_k_proj, child(at, "relative_k_proj"), hidden, hidden, false);
    m->per_dim_scale = load_tensor(at, "per_dim_scale", m->head_dim);
}

/* x [batch, seq, heads, head_dim] -> [batch, blocks, size, heads, head_dim]: block i holds the frames from
 * i * chunk_size - before on, and zeros where there are none */
static Tensor blocks_of(const Gemma4AudioAttention *m, Tensor x, int64_t size, int64_t before, Run *run)
{
    int64_t batch = x.shape[0], seq = x.shape[1], width = m->num_heads * m->head_dim;
    int64_t num_blocks = (seq + m->chunk_size - 1) / m->chunk_size;
    Tensor blocks = new_tensor(run, batch, num_blocks, size, m->num_heads, m->head_dim);
    memset(blocks.data, 0, (size_t)elements(blocks) * sizeof *blocks.data);
    for (int64_t i = 0; i < batch * num_blocks; i++) {
        int64_t start = i % num_blocks * m->chunk_size - before, end = start + size < seq ? start + size : seq;
        int64_t first = start < 0 ? 0 : start;
        if (end > first)
            memcpy(blocks.data + (i * size + first - start) * width, x.data + (i / num_blocks * seq + first) * width,
                   (size_t)((end - first) * width) * sizeof(real));
    }
    return blocks;
}

static Tensor convert_to_block(const Gemma4AudioAttention *m, Tensor hidden_states, Run *run)
{
    return blocks_of(m, hidden_states, m->chunk_size, 0, run);
}

static Tensor extract_block_context(const Gemma4AudioAttention *m, Tensor hidden_states, Run *run)
{
    return blocks_of(m, hidden_states, m->context_size, m->max_past_horizon, run);
}

/* One head's rows of a tensor [.., heads, head_dim], from position `first` on, all batches and blocks in a row */
static Matrix of_head(const Gemma4AudioAttention *m, Tensor x, int64_t first, int64_t count, int64_t head)
{
    int64_t width = m->num_heads * m->head_dim;
    return (Matrix){ x.data + first * width + head * m->head_dim, count, m->head_dim, width };
}

static Matrix block_of(Tensor x, int64_t b, int64_t head, int64_t block) /* x [batch, heads, blocks, rows, columns] */
{
    int64_t height = x.shape[3], width = x.shape[4];
    return (Matrix){ x.data + ((b * x.shape[1] + head) * x.shape[2] + block) * height * width, height, width, width };
}

/* x [block_size, position_length] -> shifted [block_size, context_size]: row i moves i places to the right. Zeros come
 * behind each row, and rows are cut anew; where position_length is more than half of the context, what falls off a
 * row's end comes back at the next row's start, as in HF. */
static void rel_shift(Matrix shifted, Matrix x)
{
    int64_t context_size = shifted.columns;
    for (int64_t i = 0; i < shifted.rows * context_size; i++) {
        int64_t row = i / (context_size + 1), column = i % (context_size + 1);
        shifted.data[i] = column < x.columns ? x.data[row * x.stride + column] : 0;
    }
}

/* HF: matrix_ac and matrix_bd, by content and by distance */
typedef struct {
    Tensor ac, bd; /* [batch, heads, blocks, chunk_size, context_size] */
} Products;

static Products products(const Gemma4AudioAttention *m, Tensor query_states, Tensor key_states,
                         Tensor relative_key_states, Run *run)
{
    int64_t batch = query_states.shape[0], num_blocks = query_states.shape[1];
    Tensor matrix_ac = new_tensor(run, batch, m->num_heads, num_blocks, m->chunk_size, m->context_size);
    Tensor matrix_bd = tensor_new(run, matrix_ac.rank, matrix_ac.shape);
    int64_t rows_of_batch = num_blocks * m->chunk_size, positions = rows(relative_key_states) / m->num_heads;
    ArenaMark mark = arena_mark(run->arena);
    Matrix bd = matrix(new_tensor(run, rows_of_batch, positions));
    for (int64_t b = 0; b < batch; b++)
        for (int64_t h = 0; h < m->num_heads; h++) {
            Matrix queries = of_head(m, query_states, b * rows_of_batch, rows_of_batch, h);
            matmul_transposed(bd, queries, of_head(m, relative_key_states, 0, positions, h), 1, run);
            for (int64_t i = 0; i < num_blocks; i++) {
                Matrix keys = of_head(m, key_states, (b * num_blocks + i) * m->context_size, m->context_size, h);
                matmul_transposed(block_of(matrix_ac, b, h, i), matrix_rows(queries, i * m->chunk_size, m->chunk_size),
                                  keys, 1, run);
                rel_shift(block_of(matrix_bd, b, h, i), matrix_rows(bd, i * m->chunk_size, m->chunk_size));
            }
        }
    arena_release(run->arena, mark);
    return (Products){ matrix_ac, matrix_bd };
}

/* softcap * tanh((matrix_ac + matrix_bd) / softcap), masked, and then in each row's share. attention_mask
 * [batch, 1, blocks, chunk, context] is 0 where a query may not look. */
static Tensor weigh(const Gemma4AudioAttention *m, Tensor matrix_ac, Tensor matrix_bd, Tensor attention_mask, Run *run)
{
    const real softcap = weight_scalar(run, (double)m->softcap);
    Tensor attn_weights = add(matrix_ac, matrix_bd, run);
    attn_weights = divide_(attn_weights, (double)softcap, run);
    attn_weights = tanh_(attn_weights, run);
    attn_weights = scale_(attn_weights, (double)softcap, run);

    int64_t of_head = elements(attention_mask) / attention_mask.shape[0];
    for (int64_t i = 0; i < elements(attn_weights); i++) {
        int64_t b = i / of_head / m->num_heads;
        if (attention_mask.data[b * of_head + i % of_head] == 0) attn_weights.data[i] = (real)m->invalid_logits_value;
    }
    softmax_rows_(matrix(attn_weights), (Matrix){ 0 }, run);
    return to_dtype_(attn_weights, run);
}

static Tensor attend(const Gemma4AudioAttention *m, Tensor attn_weights, Tensor value_states, int64_t seq_length,
                     Run *run)
{
    int64_t batch = attn_weights.shape[0], num_blocks = attn_weights.shape[2];
    Tensor attn_output = new_tensor(run, batch, num_blocks * m->chunk_size, m->num_heads * m->head_dim);
    for (int64_t b = 0; b < batch; b++)
        for (int64_t h = 0; h < m->num_heads; h++)
            for (int64_t i = 0; i < num_blocks; i++) {
                int64_t block = b * num_blocks + i;
                matmul(of_head(m, attn_output, block * m->chunk_size, m->chunk_size, h),
                       block_of(attn_weights, b, h, i),
                       of_head(m, value_states, block * m->context_size, m->context_size, h), run);
            }
    return narrow(attn_output, 1, 0, seq_length, run);
}

static Tensor mul_per_dim_(Tensor x, Tensor scale, Run *run)
{
    int64_t width = last(x);
    for (int64_t i = 0; i < rows(x); i++)
        for (int64_t j = 0; j < width; j++) x.data[i * width + j] *= scale.data[j];
    return to_dtype_(x, run);
}

static Tensor softplus_of_weight(const Array *weight, Run *run)
{
    Tensor x = new_tensor(run, weight->shape[0]);
    read_weight(run, weight, 0, elements(x), x.data);
    return softplus(x, run);
}

Tensor gemma4_audio_attention_forward(const Gemma4AudioAttention *m, Tensor hidden_states, Tensor position_embeddings,
                                      Tensor attention_mask, Run *run)
{
    int64_t batch = hidden_states.shape[0], seq_length = hidden_states.shape[1];
    Run float32 = run_in_float32(run);
    ArenaMark mark = arena_mark(run->arena);

    Tensor query_states = gemma4_clippable_linear_forward(&m->q_proj, hidden_states, run);
    Tensor key_states = gemma4_clippable_linear_forward(&m->k_proj, hidden_states, run);
    Tensor value_states = gemma4_clippable_linear_forward(&m->v_proj, hidden_states, run);
    query_states = view(query_states, batch, seq_length, m->num_heads, m->head_dim);
    key_states = view(key_states, batch, seq_length, m->num_heads, m->head_dim);
    value_states = view(value_states, batch, seq_length, m->num_heads, m->head_dim);

    query_states = scale_(query_states, m->q_scale, &float32);
    query_states = mul_per_dim_(query_states, softplus_of_weight(m->per_dim_scale, run), &float32);
    key_states = scale_(key_states, m->k_scale, &float32);

    query_states = tap_local(run, m->path, "query_states", convert_to_block(m, query_states, run));
    key_states = tap_local(run, m->path, "key_states", extract_block_context(m, key_states, run));
    value_states = tap_local(run, m->path, "value_states", extract_block_context(m, value_states, run));

    Tensor relative_key_states = linear_forward(&m->relative_k_proj, position_embeddings, run);

    relative_key_states = view(relative_key_states, -1, m->num_heads, m->head_dim);
    Products matrix = products(m, query_states, key_states, relative_key_states, &float32);
    Tensor matrix_ac = tap_local(run, m->path, "matrix_ac", matrix.ac);
    Tensor matrix_bd = tap_local(run, m->path, "matrix_bd", matrix.bd);

    Tensor attn_weights = weigh(m, matrix_ac, matrix_bd, attention_mask, &float32);
    attn_weights = tap_local(run, m->path, "attn_weights", attn_weights);

    Tensor attn_output = attend(m, attn_weights, value_states, seq_length, &float32);
    attn_output = tap_local(run, m->path, "attn_output", to_dtype_(attn_output, run));
    attn_output = gemma4_clippable_linear_forward(&m->post, attn_output, run);
    return tap_output(run, m->path, keep(run, mark, attn_output));
}
