/* norm.c - RMSNorm and LayerNorm */
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

static const real *widened(const Array *weight, int64_t width, Run *run)
{
    assert(array_elements(weight) == width);
    Tensor wide = new_tensor(run, width);
    read_weight(run, weight, 0, width, wide.data);
    return wide.data;
}

Tensor rms_norm(Tensor x, const Array *weight, double eps, Run *run)
{
    int64_t width = last(x), count = rows(x);
    Tensor y = tensor_new(run, x.rank, x.shape);

    ArenaMark mark = arena_mark(run->arena);
    const real *w = weight ? widened(weight, width, run) : NULL;
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

static real mean(const real *x, int64_t width)
{
    real sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < width; j++) sum += x[j];
    return sum / (real)width;
}

Tensor layer_norm(Tensor x, const Array *weight, const Array *bias, double eps, Run *run)
{
    int64_t width = last(x), count = rows(x);
    Tensor y = tensor_new(run, x.rank, x.shape);

    ArenaMark mark = arena_mark(run->arena);
    const real *w = widened(weight, width, run), *b = widened(bias, width, run);
    for (int64_t i = 0; i < count; i++) {
        const real *from = x.data + i * width;
        real *to = y.data + i * width;
        real centre = mean(from, width);
        for (int64_t j = 0; j < width; j++) to[j] = from[j] - centre;
        real factor = 1 / (real)sqrt(mean_squared(to, width) + (real)eps);
        for (int64_t j = 0; j < width; j++) to[j] = to[j] * factor * w[j] + b[j];
    }
    arena_release(run->arena, mark);
    return to_dtype_(y, run);
}
