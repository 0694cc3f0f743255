/* rfft.h - the FFT of real numbers in float64, in the order of numpy.fft.rfft
 *
 *     RealFft fft = rfft_plan(512, &arena);
 *     rfft_run(&fft, frame, work);
 *
 * numpy's is pocketfft. Its order of operations decides the last bits, and they show in quiet bins beside loud ones,
 * which are small differences of large numbers. FFTW takes another order, and pocketfft has no package of its own in
 * Debian; so its steps of radix 4 are written out here. Only a power of two is taken.
 */
#ifndef PLUMB_RFFT_H
#define PLUMB_RFFT_H

#include "run/arena.h"

typedef struct {
    int length;        /* a power of two, at least 1 */
    double *cos, *sin; /* [length]: of 2 pi k / length */
} RealFft;

RealFft rfft_plan(int length, Arena *arena);

/* x [length] becomes re 0, re 1, im 1, re 2, im 2, .. re length / 2; work [length] is overwritten. */
void rfft_run(const RealFft *fft, double *x, double *work);

#endif
