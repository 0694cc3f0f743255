/* rope.c - rotary position embeddings */
#include <assert.h>
#include <math.h>

#include "nn/nn.h"

/* HF computes float32 powers; the correctly rounded ones are these. torch's own vectorised pow, which it uses for more
 * than 32 frequencies, can be an ulp off (docs/pitfalls.md). */
float inverse_frequency(double base, int i, int dim)
{
    float exponent = (float)i / (float)dim;
    return 1.0f / (float)pow(base, exponent);
}

void apply_rotary_pos_emb_(Tensor x, Tensor cos, Tensor sin, int64_t first, int64_t width, Run *run)
{
    int64_t head_dim = last(x), heads = x.shape[x.rank - 2], positions = rows(x) / heads, half = width / 2;
    assert(rows(sin) == rows(cos) && last(cos) == head_dim && width % 2 == 0);
    assert(positions == 0 || positions % rows(cos) == 0);

    ArenaMark mark = arena_mark(run->arena);
    real *turned = new_tensor(run, width).data; /* rotate_half(x) * sin */
    for (int64_t i = 0; i < positions; i++) {
        int64_t start = i % rows(cos) * head_dim + first; /* one row of positions may serve the whole batch */
        const real *c = cos.data + start, *s = sin.data + start;
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
