/* apply_multidimensional_rope.c - the free function of that name: x turns the first half of head_dim, y the second,
 * and rotate_half works within each half */
#include "gemma4.h"

void apply_multidimensional_rope_(Tensor x, PositionEmbeddings position_embeddings, Run *run)
{
    int64_t ndim = 2, num_input_channels = last(x);
    int64_t num_rotated_channels_per_dim = 2 * (num_input_channels / (2 * ndim));

    for (int64_t k = 0; k < ndim; k++)
        apply_rotary_pos_emb_(x, position_embeddings.cos, position_embeddings.sin, k * num_rotated_channels_per_dim,
                              num_rotated_channels_per_dim, run);
}
