/* work.h - what the benchmarks share: a clock, rounds that are asked for, matrix products and nothing else */
#ifndef PLUMB_WORK_H
#define PLUMB_WORK_H

#include <jansson.h>
#include <stdint.h>

typedef struct {
    double seconds, flop;
} Work;

/* Sets the threads of products, and the clock. One thread is timed by the processor's time that the program takes, so
 * that what else runs on the machine counts less; several by the clock on the wall. */
void bench_threads(int threads);
double now(void);             /* seconds */
float *filled(int64_t count); /* numbers from 0 to 1; free it */

/* Prints `first`, then for each line of standard input what round(context) gives. Each is a line of JSON. So who asks
 * two programs in turn has their rounds side by side, in the same minute of a noisy machine. */
void answer_rounds(json_t *first, json_t *(*round)(void *), void *context);

/* times products x W^T through sgemm: x [rows, in], W [out, in] */
void work_linear(Work *sum, int64_t times, int64_t rows, int64_t out, int64_t in);
/* times the two products of attention over all heads, a block of queries against its head's keys and values */
void work_attention(Work *sum, int64_t times, int64_t heads, int64_t kv_heads, int64_t seq, int64_t head_dim);
/* times products of blocks of audio: x [rows, in], y [columns, in], each where it lies among `heads` others */
void work_blocks(Work *sum, int64_t times, int64_t heads, int64_t rows, int64_t columns, int64_t in);

#endif
