/* activation.c - the activations that transformers names in ACT2FN */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "nn/exp.h"
#include "nn/nn.h"
#include "run/threads.h"
#include "run/vectors.h"

static const char *const names[ACTIVATION_COUNT] = {
    [GELU_PYTORCH_TANH] = "gelu_pytorch_tanh",
    [GELU] = "gelu",
    [SILU] = "silu",
    [QUICK_GELU] = "quick_gelu",
    [RELU] = "relu",
};
const char *const activation_names = "gelu_pytorch_tanh, gelu, silu, quick_gelu, relu";

bool activation_from_name(const char *name, Activation *activation)
{
    for (int i = 0; i < ACTIVATION_COUNT; i++)
        if (strcmp(name, names[i]) == 0) {
            *activation = (Activation)i;
            return true;
        }
    return false;
}

/* x * sigmoid(u), where x and u have the same sign: x or 0, less |x| t / (1 + t) with t = exp(-|u|). What is subtracted
 * is small, so that neither tail loses digits. Minus infinity gives NaN, as it does in torch. */
static ALWAYS_INLINE real times_sigmoid(real x, real u, bool fused)
{
    real t = real_exp(u < 0 ? u : -u, fused), magnitude = (real)fabs(x);
    real less = t > 0 ? magnitude * t / (1 + t) : 0;
    return (x > 0 ? x : x * 0) - less;
}

static ALWAYS_INLINE void gelu_tanh_body(real *x, int64_t count, bool fused)
{
    const real sqrt_2_over_pi = (real)0.79788456080286535588;
#pragma omp simd
    for (int64_t i = 0; i < count; i++) { /* x (1 + tanh(y)) / 2 = x sigmoid(2 y) */
        real y = sqrt_2_over_pi * (x[i] + (real)0.044715 * (x[i] * x[i] * x[i]));
        x[i] = times_sigmoid(x[i], 2 * y, fused);
    }
}

static ALWAYS_INLINE void silu_body(real *x, int64_t count, bool fused)
{
#pragma omp simd
    for (int64_t i = 0; i < count; i++) x[i] = times_sigmoid(x[i], x[i], fused);
}

static ALWAYS_INLINE void sigmoid_body(real *x, int64_t count, bool fused)
{
#pragma omp simd
    for (int64_t i = 0; i < count; i++) x[i] = 1 / (1 + real_exp(-x[i], fused));
}

/* y = a * sigmoid(b) */
static ALWAYS_INLINE void gate_body(real *y, const real *a, const real *b, int64_t count, bool fused)
{
#pragma omp simd
    for (int64_t i = 0; i < count; i++) y[i] = a[i] / (1 + real_exp(-b[i], fused));
}

FOR_PROCESSORS(void, gelu_tanh, (real * x, int64_t count), (x, count), (x, count, fused))
FOR_PROCESSORS(void, silu, (real * x, int64_t count), (x, count), (x, count, fused))
FOR_PROCESSORS(void, sigmoid, (real * x, int64_t count), (x, count), (x, count, fused))
FOR_PROCESSORS(void, gate, (real * y, const real *a, const real *b, int64_t count), (y, a, b, count),
               (y, a, b, count, fused))

/* x * sigmoid(1.702 x): in HF these are three operations, each of which rounds */
static void quick_gelu_(real *x, int64_t count, const Run *run)
{
    enum { BLOCK = 256 };
    real share[BLOCK];
    for (int64_t first = 0; first < count; first += BLOCK) {
        int64_t width = count - first < BLOCK ? count - first : BLOCK;
        real *v = x + first;
        for (int64_t i = 0; i < width; i++) share[i] = (real)1.702 * v[i];
        round_result(run, share, width);
        sigmoid(share, width);
        round_result(run, share, width);
        for (int64_t i = 0; i < width; i++) v[i] *= share[i];
    }
}

/* ggml's table has an entry for each float16 from -10 to 10; beyond, GELU is 0 or x to the last bit of a float16. */
static void round_as_table(Activation activation, real *x, int64_t count, const Run *run)
{
    bool has_table = activation == GELU_PYTORCH_TANH || activation == QUICK_GELU;
    if (!has_table || !(run->features & FEATURE_GELU_TABLE_F16)) return;
    for (int64_t i = 0; i < count; i++)
        if (x[i] > -10 && x[i] < 10) round_to(ROUNDING_FP16, &x[i], 1);
}

typedef struct {
    Activation activation;
    real *values;
    Run *run;
} ActFn;

static void act_fn_part(void *context, int64_t first, int64_t end)
{
    const ActFn *act = context;
    Activation activation = act->activation;
    const Run *run = act->run;
    int64_t count = end - first;
    real *v = act->values + first;
    round_as_table(activation, v, count, run);
    const real sqrt_half = (real)0.70710678118654752440;

    switch (activation) {
    case GELU_PYTORCH_TANH: gelu_tanh(v, count); break;
    case GELU:
        for (int64_t i = 0; i < count; i++) v[i] = v[i] * (real)0.5 * (1 + real_erf(v[i] * sqrt_half));
        break;
    case SILU: silu(v, count); break;
    case QUICK_GELU: quick_gelu_(v, count, run); break;
    case RELU:
        for (int64_t i = 0; i < count; i++) v[i] = v[i] < 0 ? 0 : v[i];
        break;
    case ACTIVATION_COUNT: assert(0);
    }
    round_as_table(activation, v, count, run);
}

Tensor act_fn_(Activation activation, Tensor x, Run *run)
{
    bool in_order = activation == QUICK_GELU && run->random; /* bits are drawn for one element after the other */
    share_out(elements(x), 1, in_order ? 0 : (double)elements(x), act_fn_part, &(ActFn){ activation, x.data, run });
    return to_dtype_(x, run);
}

Tensor tanh_(Tensor x, Run *run)
{
    int64_t count = elements(x);
    for (int64_t i = 0; i < count; i++) x.data[i] = real_tanh(x.data[i]);
    return to_dtype_(x, run);
}

Tensor softplus(Tensor x, Run *run)
{
    Tensor y = tensor_new(run, x.rank, x.shape);
    for (int64_t i = 0; i < elements(x); i++)
        y.data[i] = x.data[i] > 20 ? x.data[i] : real_log1p(real_exp(x.data[i], FUSED_IN_BUILD));
    return to_dtype_(y, run);
}

Tensor glu(Tensor x, Run *run)
{
    int64_t width = last(x) / 2;
    assert(last(x) == 2 * width);
    Tensor y = x;
    y.shape[y.rank - 1] = width;
    y = tensor_new(run, y.rank, y.shape);
    for (int64_t i = 0; i < rows(x); i++) {
        const real *a = x.data + 2 * i * width;
        gate(y.data + i * width, a, a + width, width);
    }
    return to_dtype_(y, run);
}
