/* rfft.c - decimation in time, four subsequences at a step and two at the last where the length asks for it
 *
 * A step takes spectra of `half` numbers each, of the subsequences 0, 1, 2, 3 of every fourth sample, and makes one of
 * four times their length. A spectrum of real numbers is kept as re 0, re 1, im 1, .. re n/2: bin j begins at 2 j - 1.
 * In the input of a step subsequence q of group k stands at row k + q * groups; the output of group k is contiguous.
 */
#include "audio/rfft.h"

#include <math.h>
#include <string.h>

/* GCC 12 fuses a product with the sum and difference of a pair (vfmsubadd) when it vectorises straight-line code, in
 * spite of -ffp-contract=off; then most bins differ from numpy's in their last bits. */
#ifndef __clang__ /* which does not know it, and keeps to -ffp-contract=off */
#pragma GCC optimize("no-tree-slp-vectorize")
#endif

typedef struct {
    double re, im;
} Complex;

/* The angle 2 pi k / length for k up to length / 2, by the sine or cosine of at most pi / 4 */
static Complex root(int k, int length)
{
    double angle = M_PI / 4 / length;
    int x = 8 * k, n = length;
    if (x < n) return (Complex){ cos(x * angle), sin(x * angle) };
    if (x < 2 * n) return (Complex){ sin((2 * n - x) * angle), cos((2 * n - x) * angle) };
    if (x < 3 * n) return (Complex){ -sin((x - 2 * n) * angle), cos((x - 2 * n) * angle) };
    return (Complex){ -cos((4 * n - x) * angle), sin((4 * n - x) * angle) };
}

/* pocketfft multiplies two roots from two short tables, and so rounds once more: k = high + low, high a multiple. */
RealFft rfft_plan(int length, Arena *arena)
{
    RealFft fft = { length, arena_allocate(arena, (size_t)length * sizeof(double)),
                    arena_allocate(arena, (size_t)length * sizeof(double)) };
    int multiple = 2;
    while (multiple * multiple < (length + 2) / 2) multiple *= 2;
    for (int k = 0; k < length; k++) {
        int mirrored = 2 * k <= length ? k : length - k, low = mirrored % multiple;
        Complex a = root(low, length), b = root(mirrored - low, length);
        fft.cos[k] = a.re * b.re - a.im * b.im;
        fft.sin[k] = a.re * b.im + a.im * b.re;
        if (mirrored != k) fft.sin[k] = -fft.sin[k];
    }
    return fft;
}

/* Bin j of a spectrum, turned back by the angle 2 pi k / length */
static Complex turned(const RealFft *fft, const double *spectrum, int j, int k)
{
    double c = fft->cos[k], s = fft->sin[k], re = spectrum[2 * j - 1], im = spectrum[2 * j];
    return (Complex){ c * re + s * im, c * im - s * re };
}

static void put(double *spectrum, int j, double re, double im)
{
    spectrum[2 * j - 1] = re;
    spectrum[2 * j] = im;
}

/* groups x 4 spectra of n numbers -> groups spectra of 4 n */
static void step_of_four(const RealFft *fft, int n, int groups, const double *in, double *out)
{
    const double half_root = M_SQRT1_2;
    for (int k = 0; k < groups; k++, out += 4 * n) {
        const double *a = in + k * n, *b = a + groups * n, *c = b + groups * n, *d = c + groups * n;
        double odd = d[0] + b[0], even = a[0] + c[0];
        out[0] = even + odd;
        out[4 * n - 1] = even - odd;
        put(out, n, a[0] - c[0], d[0] - b[0]);
        for (int j = 1; 2 * j < n; j++) {
            Complex z0 = { a[2 * j - 1], a[2 * j] }, z1 = turned(fft, b, j, j * groups),
                    z2 = turned(fft, c, j, 2 * j * groups), z3 = turned(fft, d, j, 3 * j * groups);
            Complex sum13 = { z3.re + z1.re, z1.im + z3.im }, difference13 = { z3.re - z1.re, z1.im - z3.im },
                    sum02 = { z0.re + z2.re, z0.im + z2.im }, difference02 = { z0.re - z2.re, z0.im - z2.im };
            put(out, j, sum02.re + sum13.re, sum13.im + sum02.im);
            put(out, 2 * n - j, sum02.re - sum13.re, sum13.im - sum02.im);
            put(out, n + j, difference02.re + difference13.im, difference13.re + difference02.im);
            put(out, n - j, difference02.re - difference13.im, difference13.re - difference02.im);
        }
        if (n % 2 == 0) {
            int last = n - 1;
            double im = -half_root * (b[last] + d[last]), re = half_root * (b[last] - d[last]);
            put(out, n / 2, a[last] + re, im - c[last]);
            put(out, n + n / 2, a[last] - re, im + c[last]);
        }
    }
}

/* The last step of an odd power of two: 2 spectra of n numbers -> one of 2 n */
static void step_of_two(const RealFft *fft, int n, const double *in, double *out)
{
    const double *a = in, *b = in + n;
    out[0] = a[0] + b[0];
    out[2 * n - 1] = a[0] - b[0];
    for (int j = 1; 2 * j < n; j++) {
        Complex z = turned(fft, b, j, j);
        put(out, j, a[2 * j - 1] + z.re, z.im + a[2 * j]);
        put(out, n - j, a[2 * j - 1] - z.re, z.im - a[2 * j]);
    }
    if (n % 2 == 0) put(out, n / 2, a[n - 1], -b[n - 1]);
}

void rfft_run(const RealFft *fft, double *x, double *work)
{
    double *in = x, *out = work, *swap;
    int n = 1;
    for (; 4 * n <= fft->length; n *= 4, swap = in, in = out, out = swap)
        step_of_four(fft, n, fft->length / (4 * n), in, out);
    if (n < fft->length) {
        step_of_two(fft, n, in, out);
        in = out;
    }
    if (in != x) memcpy(x, in, (size_t)fft->length * sizeof *x);
}
