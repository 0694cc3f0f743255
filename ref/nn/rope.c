/* rope.c - rotary position embeddings */
#include <assert.h>

#include "nn/nn.h"

void apply_rotary_pos_emb_(Tensor x, Tensor cos, Tensor sin, int64_t first, int64_t width, Run *run)
{
    int64_t head_dim = last(x), heads = x.shape[x.rank - 2], positions = rows(x) / heads, half = width / 2;
    assert(rows(cos) == positions && rows(sin) == positions && last(cos) == head_dim && width % 2 == 0);

    ArenaMark mark = arena_mark(run->arena);
    real *turned = new_tensor(run, width).data; /* rotate_half(x) * sin */
    for (int64_t i = 0; i < positions; i++) {
        const real *c = cos.data + i * head_dim + first, *s = sin.data + i * head_dim + first;
        for (int64_t h = 0; h < heads; h++) {
            real *v = x.data + (i * heads + h) * head_dim + first;
            for (int64_t j = 0; j < half; j++) {
                turned[j] = -v[half + j] * s[j];
                turned[half + j] = v[j] * s[half + j];
            }
            for (int64_t j = 0; j < width; j++) v[j] *= c[j];
            round_result(run, turned, width);
            round_result(run, v, width);
            for (int64_t j = 0; j < width; j++) v[j] += turned[j];
            round_result(run, v, width);
        }
    }
    arena_release(run->arena, mark);
}
