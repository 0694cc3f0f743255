/* rounding.c - to a narrower dtype: to nearest, ties to even, or at random
 *
 * A value is rounded by keeping `kept` of float32's 23 fraction bits. To nearest: adding half of what is cut off, less
 * one if the last kept bit is 0, carries into the exponent where it must, up to infinity. At random: adding random bits
 * as wide as what is cut off carries as often as the value is near its upper neighbour. NaN keeps its payload.
 */
#include <math.h>
#include <string.h>

#include "run/run.h"
#include "run/threads.h"
#include "run/vectors.h"

static ALWAYS_INLINE uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static ALWAYS_INLINE float value_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static ALWAYS_INLINE float cut_off(uint32_t bits, uint32_t added, uint32_t cut)
{
    uint32_t rounded = (bits + added) & ~(((uint32_t)1 << cut) - 1);
    return value_of((bits & 0x7fffffff) > 0x7f800000 ? bits : rounded);
}

/* ---------------------------------------------------------------- to nearest */

static ALWAYS_INLINE float keep_fraction_bits(float value, int kept)
{
    uint32_t bits = bits_of(value), cut = 23 - (uint32_t)kept;
    return cut_off(bits, (((uint32_t)1 << (cut - 1)) - 1) + ((bits >> cut) & 1), cut);
}

static ALWAYS_INLINE float to_bf16(float value) { return keep_fraction_bits(value, 7); }
static inline float to_tf32(float value) { return keep_fraction_bits(value, 10); }

/* Below 2^-14 float16 has a fixed spacing of 2^-24: adding and subtracting 1.5 * 2^-1 rounds to it, because that is
 * float32's spacing there. Above 65504 and half a step it is infinity. */
static ALWAYS_INLINE float to_fp16(float value)
{
    float rounded = keep_fraction_bits(value, 10);
    float subnormal = (value + 0.75f) - 0.75f;
    float magnitude = fabsf(value);
    rounded = magnitude < 0x1p-14f ? copysignf(subnormal, value) : rounded;
    return fabsf(rounded) > 65504.0f ? copysignf(INFINITY, value) : rounded;
}

static ALWAYS_INLINE void to_nearest_body(Rounding rounding, real *values, int64_t count)
{
    switch (rounding) {
    case ROUNDING_NONE:
    case ROUNDING_TF32:
    case ROUNDING_TF32_CUT: break;
    case ROUNDING_FP16:
        for (int64_t i = 0; i < count; i++) values[i] = to_fp16((float)values[i]);
        break;
    case ROUNDING_BF16:
        for (int64_t i = 0; i < count; i++) values[i] = to_bf16((float)values[i]);
        break;
    }
}

FOR_PROCESSORS(void, to_nearest, (Rounding rounding, real *values, int64_t count), (rounding, values, count),
               (rounding, values, count))

typedef struct {
    Rounding rounding;
    real *values;
} ToNearest;

static void round_part(void *context, int64_t first, int64_t end)
{
    const ToNearest *to = context;
    to_nearest(to->rounding, to->values + first, end - first);
}

void round_to(Rounding rounding, real *values, int64_t count)
{
    double work = rounding == ROUNDING_NONE ? 0 : (double)count;
    share_out(count, 1, work, round_part, &(ToNearest){ rounding, values });
}

/* ---------------------------------------------------------------- at random */

/* Every bit of the result depends on every bit of x: Wellons' lowbias32, https://nullprogram.com/blog/2018/07/31/ */
static ALWAYS_INLINE uint32_t scrambled(uint32_t x)
{
    x = (x ^ (x >> 16)) * 0x7feb352d;
    x = (x ^ (x >> 15)) * 0x846ca68b;
    return x ^ (x >> 16);
}

Random random_of(uint32_t seed) { return (Random){ .key = scrambled(seed + 0x9e3779b9) }; }

static ALWAYS_INLINE uint32_t random_at(Random random, int64_t i)
{
    return scrambled((random.drawn + (uint32_t)i) ^ random.key);
}

/* A share of a unit is added before the rest is cut off: any; or, where only values near ties are rounded at random,
 * half of one, give or take 1/64. */
static ALWAYS_INLINE uint32_t share_at(Random random, int64_t i)
{
    enum { NARROWER = 5 };
    uint32_t any = random_at(random, i);
    return random.near_ties ? (any >> NARROWER) + ((uint32_t)1 << 31) - ((uint32_t)1 << (31 - NARROWER)) : any;
}

static ALWAYS_INLINE float keep_at_random(float value, int kept, uint32_t random)
{
    uint32_t cut = 23 - (uint32_t)kept;
    return cut_off(bits_of(value), random >> (32 - cut), cut);
}

/* As to_fp16. What would be rounded to the largest number, to nearest, does not become infinite by chance. */
static ALWAYS_INLINE float to_fp16_at_random(float value, uint32_t random)
{
    float magnitude = fabsf(value), rounded = keep_at_random(magnitude, 10, random);
    float subnormal = floorf(magnitude * 0x1p24f + (float)(random >> 8) * 0x1p-24f) * 0x1p-24f;
    rounded = magnitude < 0x1p-14f ? subnormal : rounded;
    rounded = rounded > 65504.0f ? (magnitude < 65520.0f ? 65504.0f : INFINITY) : rounded;
    return copysignf(magnitude == magnitude ? rounded : value, value);
}

/* A float32 result has been rounded already, to nearest, which is off by 1/12 of a squared unit on average. One unit up
 * or down in 1 of 24 cases each adds as much, so that the sum is what rounding at random is off by: 1/6. */
static ALWAYS_INLINE float to_a_neighbour(float value, uint32_t random)
{
    const uint32_t share = UINT32_MAX / 24;
    uint32_t bits = bits_of(value), magnitude = bits & 0x7fffffff;
    uint32_t moved = bits + (random < share) - (random > UINT32_MAX - share);
    return value_of(magnitude > 0 && magnitude < 0x7f7fffff ? moved : bits); /* not 0, not the largest, not beyond */
}

static ALWAYS_INLINE void at_random_body(Rounding rounding, Random random, real *values, int64_t count)
{
    switch (rounding) {
    case ROUNDING_NONE:
    case ROUNDING_TF32:
    case ROUNDING_TF32_CUT:
        for (int64_t i = 0; i < count; i++) values[i] = to_a_neighbour((float)values[i], random_at(random, i));
        break;
    case ROUNDING_FP16:
        for (int64_t i = 0; i < count; i++) values[i] = to_fp16_at_random((float)values[i], share_at(random, i));
        break;
    case ROUNDING_BF16:
        for (int64_t i = 0; i < count; i++) values[i] = keep_at_random((float)values[i], 7, share_at(random, i));
        break;
    }
}

FOR_PROCESSORS(void, at_random, (Rounding rounding, Random random, real *values, int64_t count),
               (rounding, random, values, count), (rounding, random, values, count))

/* ---------------------------------------------------------------- what the run asks for */

static bool is_to_nearest(const Run *run) { return !run->random || run->random->idle; }

static void count_drawn(const Run *run, int64_t count)
{
    if (run->random) run->random->drawn += (uint32_t)count;
}

void round_result(const Run *run, real *values, int64_t count)
{
    if (is_to_nearest(run))
        round_to(run->rounding, values, count);
    else
        at_random(run->rounding, *run->random, values, count);
    count_drawn(run, count);
}

void leave_unrounded(const Run *run, int64_t count) { count_drawn(run, count); }

bool rounds_factors(const Run *run) { return run->rounding == ROUNDING_TF32 || run->rounding == ROUNDING_TF32_CUT; }

void round_factor(const Run *run, real *values, int64_t count)
{
    if (!rounds_factors(run)) return;
    if (run->rounding == ROUNDING_TF32_CUT) {
        for (int64_t i = 0; i < count; i++) values[i] = cut_off(bits_of((float)values[i]), 0, 13);
        return;
    }
    if (is_to_nearest(run))
        for (int64_t i = 0; i < count; i++) values[i] = to_tf32((float)values[i]);
    else
        for (int64_t i = 0; i < count; i++)
            values[i] = keep_at_random((float)values[i], 10, share_at(*run->random, i));
    count_drawn(run, count);
}

void read_weight(const Run *run, const Array *weight, int64_t first, int64_t count, real *out)
{
    array_read(weight, first, count, out);
    if (weight->dtype != DTYPE_ENCODED || !run->exact_codes) round_to(run->weights, out, count);
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

real constant(const Run *run, double value)
{
    real rounded = (real)value;
    if (run->features & FEATURE_CONSTANTS_IN_DTYPE) round_to(run->rounding, &rounded, 1);
    return rounded;
}

real dtype_min(const Run *run)
{
    switch (run->rounding) {
    case ROUNDING_FP16: return (real)-65504;
    case ROUNDING_BF16: return (real)-0x1.fep127;
    default: return REAL_LOWEST;
    }
}

Run run_in_float32(const Run *run)
{
    Run float32 = *run;
    if (run->rounding == ROUNDING_FP16 || run->rounding == ROUNDING_BF16) float32.rounding = ROUNDING_NONE;
    float32.features &= ~(unsigned)FEATURE_FLASH_F16_ACCUMULATOR; /* no flash attention knows relative positions */
    return float32;
}
