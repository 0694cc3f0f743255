/* norm.c - RMSNorm */
#include <assert.h>
#include <math.h>

#include "nn/nn.h"

static real mean_squared(const real *x, int64_t width)
{
    real sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < width; j++) sum += x[j] * x[j];
    return sum / (real)width;
}

Tensor rms_norm(Tensor x, const Array *weight, double eps, Run *run)
{
    int64_t width = last(x), count = rows(x);
    Tensor y = tensor_new(run, x.rank, x.shape);

    ArenaMark mark = arena_mark(run->arena);
    const real *w = NULL;
    if (weight) {
        assert(array_elements(weight) == width);
        Tensor wide = new_tensor(run, width);
        read_weight(run, weight, 0, width, wide.data);
        w = wide.data;
    }
    for (int64_t i = 0; i < count; i++) {
        const real *from = x.data + i * width;
        real *to = y.data + i * width;
        real factor = 1 / (real)sqrt(mean_squared(from, width) + (real)eps);
        if (w)
            for (int64_t j = 0; j < width; j++) to[j] = from[j] * factor * w[j];
        else
            for (int64_t j = 0; j < width; j++) to[j] = from[j] * factor;
    }
    arena_release(run->arena, mark);
    return to_dtype_(y, run);
}
