/* rounding.c - round to nearest, ties to even, to a narrower dtype
 *
 * A value is rounded by keeping `kept` of float32's 23 fraction bits: adding half of what is cut off, less one if the
 * last kept bit is 0, carries into the exponent where it must, up to infinity. NaN keeps its payload.
 */
#include <math.h>
#include <string.h>

#include "run/run.h"

static inline float keep_fraction_bits(float value, int kept)
{
    uint32_t bits, cut = 23 - (uint32_t)kept;
    memcpy(&bits, &value, sizeof bits);
    uint32_t rounded = bits + (((uint32_t)1 << (cut - 1)) - 1) + ((bits >> cut) & 1);
    rounded &= ~(((uint32_t)1 << cut) - 1);
    if ((bits & 0x7fffffff) > 0x7f800000) rounded = bits;
    memcpy(&value, &rounded, sizeof value);
    return value;
}

static inline float to_bf16(float value) { return keep_fraction_bits(value, 7); }
static inline float to_tf32(float value) { return keep_fraction_bits(value, 10); }

/* Below 2^-14 float16 has a fixed spacing of 2^-24: adding and subtracting 1.5 * 2^-1 rounds to it, because that is
 * float32's spacing there. Above 65504 and half a step it is infinity. */
static inline float to_fp16(float value)
{
    float rounded = keep_fraction_bits(value, 10);
    float subnormal = (value + 0.75f) - 0.75f;
    float magnitude = fabsf(value);
    rounded = magnitude < 0x1p-14f ? copysignf(subnormal, value) : rounded;
    return fabsf(rounded) > 65504.0f ? copysignf(INFINITY, value) : rounded;
}

static void round_to(Rounding rounding, real *values, int64_t count)
{
    switch (rounding) {
    case ROUNDING_NONE:
    case ROUNDING_TF32: break;
    case ROUNDING_FP16:
        for (int64_t i = 0; i < count; i++) values[i] = to_fp16((float)values[i]);
        break;
    case ROUNDING_BF16:
        for (int64_t i = 0; i < count; i++) values[i] = to_bf16((float)values[i]);
        break;
    }
}

void round_result(const Run *run, real *values, int64_t count) { round_to(run->rounding, values, count); }

bool rounds_factors(const Run *run) { return run->rounding == ROUNDING_TF32; }

void round_factor(const Run *run, real *values, int64_t count)
{
    if (!rounds_factors(run)) return;
    for (int64_t i = 0; i < count; i++) values[i] = to_tf32((float)values[i]);
}

void read_weight(const Run *run, const Array *weight, int64_t first, int64_t count, real *out)
{
    array_read(weight, first, count, out);
    round_to(run->weights, out, count);
}

real weight_value(const Run *run, const Array *weight)
{
    real value;
    read_weight(run, weight, 0, 1, &value);
    return value;
}

real weight_scalar(const Run *run, double value)
{
    real scalar = (real)value;
    round_to(run->weights, &scalar, 1);
    return scalar;
}

real dtype_min(const Run *run)
{
    switch (run->rounding) {
    case ROUNDING_FP16: return (real)-65504;
    case ROUNDING_BF16: return (real)-0x1.fep127;
    default: return REAL_LOWEST;
    }
}
