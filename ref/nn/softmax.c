/* softmax.c - a row at a time, so that its three passes stay in the first-level cache */
#include <assert.h>

#include "nn/exp.h"
#include "nn/nn.h"
#include "run/threads.h"
#include "run/vectors.h"

static void add_mask(real *x, const real *mask, int64_t width, Run *run)
{
    for (int64_t j = 0; j < width; j++) x[j] += mask[j];
    round_result(run, x, width);
}

/* In LANES independent maxima, because one chain of them would wait for itself. A NaN is skipped here; it comes back in
 * exp(NaN - max) and makes the whole row NaN. */
static ALWAYS_INLINE real largest(const real *x, int64_t width)
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

/* x becomes exp(x - max) -> their sum, in lanes that are then added in pairs: the same order on every path */
static ALWAYS_INLINE real exponentials(real *x, int64_t width, real max, bool fused)
{
    enum { LANES = 16 };
    real lane[LANES] = { 0 };
    int64_t whole = width / LANES * LANES;
    for (int64_t j = 0; j < whole; j += LANES)
#pragma omp simd
        for (int k = 0; k < LANES; k++) {
            x[j + k] = real_exp(x[j + k] - max, fused);
            lane[k] += x[j + k];
        }
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int k = 0; k < half; k++) lane[k] += lane[k + half];
    for (int64_t j = whole; j < width; j++) {
        x[j] = real_exp(x[j] - max, fused);
        lane[0] += x[j];
    }
    return lane[0];
}

static ALWAYS_INLINE void softmax_body(real *x, int64_t width, bool fused)
{
    real share = 1 / exponentials(x, width, largest(x, width), fused);
    for (int64_t j = 0; j < width; j++) x[j] *= share;
}

FOR_PROCESSORS(void, softmax, (real * x, int64_t width), (x, width), (x, width, fused))

typedef struct {
    Matrix x, mask;
    Run *run;
} Softmax;

static void softmax_rows(void *context, int64_t first, int64_t end)
{
    const Softmax *s = context;
    for (int64_t i = first; i < end; i++) {
        real *row = s->x.data + i * s->x.stride;
        const real *mask = s->mask.data ? s->mask.data + (s->mask.rows == 1 ? 0 : i) * s->mask.stride : NULL;
        if (mask) add_mask(row, mask, s->x.columns, s->run);
        softmax(row, s->x.columns);
    }
}

void softmax_rows_(Matrix x, Matrix mask, Run *run)
{
    assert(!mask.data || (mask.columns == x.columns && (mask.rows == x.rows || mask.rows == 1)));
    Softmax s = { x, mask, run };
    bool in_order = mask.data && run->random; /* bits are drawn for one row after the other */
    share_out(x.rows, 1, in_order ? 0 : (double)(x.rows * x.columns), softmax_rows, &s);
}
