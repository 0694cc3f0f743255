/* exp.h - exp, for the loops of softmax.c and activation.c
 *
 * In float, exp is a polynomial that the compiler turns into vector code; in double it is the C library's, because
 * the double build is the oracle and is never in a hurry.
 */
#ifndef PLUMB_EXP_H
#define PLUMB_EXP_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "run/real.h"
#include "run/vectors.h"

/* a * b + c: one rounding where the path that is compiled has an instruction for it (run/vectors.h), two elsewhere;
 * never a library call */
static ALWAYS_INLINE float multiply_add(float a, float b, float c, bool fused)
{
    return fused ? fmaf(a, b, c) : a * b + c;
}

#ifndef REAL_IS_DOUBLE
/* exp(x) = 2^n exp(r), n = round(x / ln 2), |r| <= ln 2 / 2. Adding 1.5 * 2^23 rounds to a whole number, because
 * float32's spacing there is 1, and leaves it in the low bits, whence 2^n gets its exponent. ln 2 is subtracted in
 * two parts, the first of which has trailing zeros, so that n * ln2_high is exact.
 * Within 2 ulp on [-87, 88]; 0 below, infinity above, NaN for NaN. */
static ALWAYS_INLINE float real_exp(float x, bool fused)
{
    const float log2_e = 1.44269504f, ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f, round = 12582912.0f;
    const float lowest = -87.0f, highest = 88.3f; /* beyond these the exponent would leave its eight bits */

    float shifted = multiply_add(x, log2_e, round, fused);
    float n = shifted - round;
    float r = multiply_add(n, -ln2_low, multiply_add(n, -ln2_high, x, fused), fused);

    /* exp(r) = 1 + r + r^2 p(r), Cephes' minimax polynomial for |r| <= ln 2 / 2 */
    float p = 1.9875691500e-4f;
    p = multiply_add(p, r, 1.3981999507e-3f, fused);
    p = multiply_add(p, r, 8.3334519073e-3f, fused);
    p = multiply_add(p, r, 4.1665795894e-2f, fused);
    p = multiply_add(p, r, 1.6666665459e-1f, fused);
    p = multiply_add(p, r, 5.0000001201e-1f, fused);
    p = multiply_add(p, r * r, r, fused) + 1.0f;

    uint32_t bits;
    float power; /* 2^n */
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 127) << 23; /* the high bits of `shifted` fall off the end */
    memcpy(&power, &bits, sizeof power);
    p *= power;
    p = x < lowest ? 0.0f : p;
    return x > highest ? INFINITY : p;
}
static inline float real_erf(float x) { return erff(x); }
static inline float real_tanh(float x) { return tanhf(x); }
static inline float real_log1p(float x) { return log1pf(x); }
#else
static inline double real_exp(double x, bool fused) { return (void)fused, exp(x); }
static inline double real_erf(double x) { return erf(x); }
static inline double real_tanh(double x) { return tanh(x); }
static inline double real_log1p(double x) { return log1p(x); }
#endif

#endif
