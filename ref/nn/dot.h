/* dot.h - a bfloat16 weight times a row of reals, for products of so few rows that reading the weight is all the work
 *
 * The weight is widened in registers: it passes the memory bus once, as bfloat16. Processors read ahead within a page
 * only, so the loop asks for what lies AHEAD itself; without that, long rows come at half the speed (measured:
 * docs/performance.md).
 */
#ifndef PLUMB_DOT_H
#define PLUMB_DOT_H

#include <stdint.h>
#include <string.h>

#include "run/real.h"
#include "run/vectors.h"

/* Numbers in a vector of 32 bytes, for which AVX2 and AVX-512 have registers: wider ones the compiler keeps in memory
 * where registers are not as wide. DOT_AHEAD: bytes */
enum { DOT_LANES = 32 / sizeof(real), DOT_SUMS = 8, DOT_AHEAD = 8192 };

typedef real RealLanes __attribute__((vector_size(sizeof(real) * DOT_LANES), aligned(sizeof(real))));
typedef float FloatLanes __attribute__((vector_size(4 * DOT_LANES)));
typedef uint32_t WideLanes __attribute__((vector_size(4 * DOT_LANES)));
typedef uint16_t NarrowLanes __attribute__((vector_size(2 * DOT_LANES), aligned(1)));

/* A vector is not returned: without AVX-512 there is no settled way to. */
static ALWAYS_INLINE void add_lanes(RealLanes *sum, const unsigned char *weight, const real *x)
{
    WideLanes bits = __builtin_convertvector(*(const NarrowLanes *)weight, WideLanes) << 16;
    *sum += __builtin_convertvector((FloatLanes)bits, RealLanes) * *(const RealLanes *)x;
}

static ALWAYS_INLINE real dot_bf16(const unsigned char *weight, const real *x, int64_t count)
{
    RealLanes sums[DOT_SUMS] = { { 0 } };
    int64_t i = 0;
    for (; i + DOT_SUMS * DOT_LANES <= count; i += DOT_SUMS * DOT_LANES) {
        const unsigned char *w = weight + 2 * i;
        __builtin_prefetch(w + DOT_AHEAD);
        __builtin_prefetch(w + DOT_AHEAD + 64);
        for (int k = 0; k < DOT_SUMS; k++) add_lanes(&sums[k], w + 2 * DOT_LANES * k, x + i + DOT_LANES * k);
    }
    for (int half = DOT_SUMS / 2; half > 0; half /= 2)
        for (int k = 0; k < half; k++) sums[k] += sums[k + half];
    real sum = 0;
    for (int k = 0; k < DOT_LANES; k++) sum += sums[0][k];
    for (; i < count; i++) {
        uint16_t half;
        float wide;
        memcpy(&half, weight + 2 * i, sizeof half);
        uint32_t bits = (uint32_t)half << 16;
        memcpy(&wide, &bits, sizeof wide);
        sum += (real)wide * x[i];
    }
    return sum;
}

#endif
