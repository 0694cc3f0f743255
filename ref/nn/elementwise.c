/* elementwise.c - one element at a time */
#include <assert.h>

#include "nn/nn.h"
#include "run/threads.h"

Tensor add(Tensor a, Tensor b, Run *run)
{
    assert(elements(a) == elements(b));
    Tensor sum = tensor_new(run, a.rank, a.shape);
    int64_t count = elements(a);
    for (int64_t i = 0; i < count; i++) sum.data[i] = a.data[i] + b.data[i];
    return to_dtype_(sum, run);
}

Tensor add_(Tensor a, Tensor b, Run *run)
{
    assert(elements(a) == elements(b));
    int64_t count = elements(a);
    for (int64_t i = 0; i < count; i++) a.data[i] += b.data[i];
    return to_dtype_(a, run);
}

Tensor mul_(Tensor a, Tensor b, Run *run)
{
    assert(elements(a) == elements(b));
    int64_t count = elements(a);
    for (int64_t i = 0; i < count; i++) a.data[i] *= b.data[i];
    return to_dtype_(a, run);
}

Tensor scale_(Tensor x, double factor, Run *run)
{
    int64_t count = elements(x);
    real rounded = constant(run, factor);
    for (int64_t i = 0; i < count; i++) x.data[i] *= rounded;
    return to_dtype_(x, run);
}

Tensor divide_(Tensor x, double divisor, Run *run)
{
    int64_t count = elements(x);
    for (int64_t i = 0; i < count; i++) x.data[i] /= (real)divisor;
    return to_dtype_(x, run);
}

Tensor mul_row_(Tensor x, const Array *row, Run *run)
{
    int64_t width = last(x);
    assert(array_elements(row) == width);
    ArenaMark mark = arena_mark(run->arena);
    Tensor wide = new_tensor(run, width);
    read_weight(run, row, 0, width, wide.data);
    for (int64_t i = 0; i < rows(x); i++) {
        real *to = x.data + i * width;
        for (int64_t j = 0; j < width; j++) to[j] *= wide.data[j];
    }
    arena_release(run->arena, mark);
    return to_dtype_(x, run);
}

/* NaN passes through, as in torch: neither comparison holds for it. */
static inline real clamped(real value, real min, real max)
{
    value = value < min ? min : value;
    return value > max ? max : value;
}

typedef struct {
    real *to;
    const real *from;
    real min, max;
} Clamp;

static void clamp_part(void *context, int64_t first, int64_t end)
{
    const Clamp c = *(const Clamp *)context;
#pragma omp simd
    for (int64_t i = first; i < end; i++) c.to[i] = clamped(c.from[i], c.min, c.max);
}

Tensor clamp(Tensor x, real min, real max, Run *run)
{
    Tensor y = tensor_new(run, x.rank, x.shape);
    share_out(elements(x), 1, (double)elements(x), clamp_part, &(Clamp){ y.data, x.data, min, max });
    return y;
}

Tensor clamp_(Tensor x, real min, real max)
{
    share_out(elements(x), 1, (double)elements(x), clamp_part, &(Clamp){ x.data, x.data, min, max });
    return x;
}

Tensor masked_fill(Tensor x, const bool *mask, real value, Run *run)
{
    Tensor y = tensor_new(run, x.rank, x.shape);
    int64_t width = last(x);
    for (int64_t i = 0; i < rows(x); i++) {
        const real *from = x.data + i * width;
        real *to = y.data + i * width;
        for (int64_t j = 0; j < width; j++) to[j] = mask[i] ? value : from[j];
    }
    return y;
}

Tensor to_dtype_(Tensor x, Run *run)
{
    round_result(run, x.data, elements(x));
    return x;
}
