/* work.h - what the benchmarks share: a clock, matrix products and nothing else, medians */
#ifndef PLUMB_WORK_H
#define PLUMB_WORK_H

#include <stdint.h>

typedef struct {
    double seconds, flop;
} Work;

double now(void);                         /* seconds */
float *filled(int64_t count);             /* numbers from 0 to 1; free it */
double median(double *values, int count); /* sorts them */

/* times products x W^T through sgemm: x [rows, in], W [out, in] */
void work_linear(Work *sum, int64_t times, int64_t rows, int64_t out, int64_t in);
/* times the two products of attention over all heads, a block of queries against its head's keys and values */
void work_attention(Work *sum, int64_t times, int64_t heads, int64_t kv_heads, int64_t seq, int64_t head_dim);

#endif
