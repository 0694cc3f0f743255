/* norm.c - RMSNorm and LayerNorm */
#include <assert.h>
#include <math.h>

#include "nn/nn.h"

/* In as many sums as a vector has lanes, which are then added in pairs: the same order with every compiler. */
static real sum_in_lanes(const real *x, int64_t width)
{
    enum { LANES = 32 / sizeof(real) };
    real lane[LANES] = { 0 };
    int64_t whole = width / LANES * LANES;
    for (int64_t j = 0; j < whole; j += LANES)
        for (int k = 0; k < LANES; k++) lane[k] += x[j + k];
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int k = 0; k < half; k++) lane[k] += lane[k + half];
    for (int64_t j = whole; j < width; j++) lane[0] += x[j];
    return lane[0];
}

static real mean(const real *x, int64_t width, const Run *run)
{
    if (!(run->features & FEATURE_SEQUENTIAL_SUMS)) return sum_in_lanes(x, width) / (real)width;
    real sum = 0;
    for (int64_t j = 0; j < width; j++) sum += x[j];
    return sum / (real)width;
}

/* Hugging Face's norms are float32 inside, whatever the dtype. */
static void round_inside(const Run *run, real *values, int64_t count)
{
    if (run->features & FEATURE_NORMS_IN_DTYPE) round_result(run, values, count);
}

/* x *= (mean(x^2) + eps)^-0.5; squares [width] is overwritten */
static void normalize(real *x, real *squares, int64_t width, double eps, const Run *run)
{
    for (int64_t j = 0; j < width; j++) squares[j] = x[j] * x[j];
    round_inside(run, squares, width);
    real factor = mean(squares, width, run);
    round_inside(run, &factor, 1);
    factor += (real)eps;
    round_inside(run, &factor, 1);
    factor = 1 / (real)sqrt(factor);
    round_inside(run, &factor, 1);
    for (int64_t j = 0; j < width; j++) x[j] *= factor;
    round_inside(run, x, width);
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
    Tensor y = tensor_clone(x, run);

    ArenaMark mark = arena_mark(run->arena);
    real *squares = new_tensor(run, width).data;
    const real *w = weight ? widened(weight, width, run) : NULL;
    for (int64_t i = 0; i < count; i++) {
        real *row = y.data + i * width;
        normalize(row, squares, width, eps, run);
        for (int64_t j = 0; w && j < width; j++) row[j] *= w[j];
    }
    arena_release(run->arena, mark);
    return to_dtype_(y, run);
}

Tensor layer_norm(Tensor x, const Array *weight, const Array *bias, double eps, Run *run)
{
    int64_t width = last(x), count = rows(x);
    Tensor y = tensor_clone(x, run);

    ArenaMark mark = arena_mark(run->arena);
    real *squares = new_tensor(run, width).data;
    const real *w = widened(weight, width, run), *b = bias ? widened(bias, width, run) : NULL;
    for (int64_t i = 0; i < count; i++) {
        real *row = y.data + i * width, centre = mean(row, width, run);
        round_inside(run, &centre, 1);
        for (int64_t j = 0; j < width; j++) row[j] -= centre;
        round_inside(run, row, width);
        normalize(row, squares, width, eps, run);
        for (int64_t j = 0; j < width; j++) row[j] *= w[j];
        round_inside(run, row, width);
        for (int64_t j = 0; b && j < width; j++) row[j] += b[j];
    }
    arena_release(run->arena, mark);
    return to_dtype_(y, run);
}
