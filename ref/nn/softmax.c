/* softmax.c - a row at a time, so that its three passes stay in the first-level cache */
#include <assert.h>

#include "nn/exp.h"
#include "nn/nn.h"

static void add_mask(real *x, const real *mask, int64_t width, Run *run)
{
    for (int64_t j = 0; j < width; j++) x[j] += mask[j];
    round_result(run, x, width);
}

/* In LANES independent maxima, because one chain of them would wait for itself. A NaN is skipped here; it comes back in
 * exp(NaN - max) and makes the whole row NaN. */
static real largest(const real *x, int64_t width)
{
    enum { LANES = 64 };
    real lane[LANES], max = REAL_LOWEST;
    int64_t whole = width / LANES * LANES;
    for (int k = 0; k < LANES; k++) lane[k] = REAL_LOWEST;
    for (int64_t j = 0; j < whole; j += LANES)
        for (int k = 0; k < LANES; k++) lane[k] = x[j + k] > lane[k] ? x[j + k] : lane[k];
    for (int k = 0; k < LANES; k++) max = lane[k] > max ? lane[k] : max;
    for (int64_t j = whole; j < width; j++) max = x[j] > max ? x[j] : max;
    return max;
}

void softmax_rows_(Matrix x, Matrix mask, Run *run)
{
    int64_t width = x.columns;
    assert(!mask.data || (mask.columns == width && (mask.rows == x.rows || mask.rows == 1)));
    for (int64_t i = 0; i < x.rows; i++) {
        real *row = x.data + i * x.stride;
        if (mask.data) add_mask(row, mask.data + (mask.rows == 1 ? 0 : i) * mask.stride, width, run);

        real max = largest(row, width), sum = 0;
#ifndef REAL_IS_DOUBLE /* there exp is a call: nothing to vectorise, and GCC 12 loses the sum around it on SVE */
#pragma omp simd reduction(+ : sum)
#endif
        for (int64_t j = 0; j < width; j++) {
            row[j] = real_exp(row[j] - max);
            sum += row[j];
        }
        real share = 1 / sum;
        for (int64_t j = 0; j < width; j++) row[j] *= share;
    }
}
