/* work.c - the benchmarks' clock, their rounds and their products */
#include "bench/work.h"

#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "reference.h"

enum { QUERY_BLOCK = 252 }; /* as in eager_attention_forward.c */

static clockid_t clock_id = CLOCK_PROCESS_CPUTIME_ID;

extern void openblas_set_num_threads(int threads) __attribute__((weak));

static int library_threads = 1;

void bench_threads(int threads)
{
    reference_set_threads(threads);
    library_threads = threads;
    clock_id = threads == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC;
}

double now(void)
{
    struct timespec time;
    clock_gettime(clock_id, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void print_line(json_t *line)
{
    json_dumpf(line, stdout, JSON_REAL_PRECISION(6));
    putchar('\n');
    fflush(stdout);
    json_decref(line);
}

void answer_rounds(json_t *first, json_t *(*round)(void *), void *context)
{
    print_line(first);
    for (int c = getchar(); c != EOF; c = getchar())
        if (c == '\n') print_line(round(context));
}

float *filled(int64_t count)
{
    float *values = malloc((size_t)count * sizeof *values);
    if (!values) abort();
    for (int64_t i = 0; i < count; i++) values[i] = (float)(i % 17) / 17;
    return values;
}

/* The library's own threads are for its products alone: in between, they would be in the way of the reference's. */
static double begin(void)
{
    if (openblas_set_num_threads) openblas_set_num_threads(library_threads);
    return now();
}

static void end(Work *sum, double start, double times, int64_t rows, int64_t columns, int64_t inner)
{
    sum->seconds += now() - start;
    if (openblas_set_num_threads) openblas_set_num_threads(1);
    sum->flop += 2 * times * (double)rows * (double)columns * (double)inner;
}

void work_linear(Work *sum, int64_t times, int64_t rows, int64_t out, int64_t in)
{
    float *x = filled(rows * in), *w = filled(out * in), *y = filled(rows * out);
    double start = begin();
    for (int64_t i = 0; i < times; i++)
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)out, (int)in, 1, x, (int)in, w, (int)in, 0,
                    y, (int)out);
    end(sum, start, (double)times, rows, out, in);
    free(x);
    free(w);
    free(y);
}

void work_attention(Work *sum, int64_t times, int64_t heads, int64_t kv_heads, int64_t seq, int64_t head_dim)
{
    float *query = filled(heads * seq * head_dim), *key = filled(kv_heads * seq * head_dim);
    float *value = filled(kv_heads * seq * head_dim), *output = filled(heads * seq * head_dim);
    float *weights = filled(QUERY_BLOCK * seq);
    double start = begin();
    for (int64_t i = 0; i < times * heads; i++) {
        int64_t h = i % heads, kv = h * kv_heads / heads * seq * head_dim;
        for (int64_t first = 0; first < seq; first += QUERY_BLOCK) {
            int count = (int)(seq - first < QUERY_BLOCK ? seq - first : QUERY_BLOCK), s = (int)seq, d = (int)head_dim;
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, count, s, d, 1, query + (h * seq + first) * d, d,
                        key + kv, d, 0, weights, s);
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, count, d, s, 1, weights, s, value + kv, d, 0,
                        output + (first * heads + h) * d, (int)heads * d);
        }
    }
    end(sum, start, (double)(2 * times * heads), seq, seq, head_dim);
    free(query);
    free(key);
    free(value);
    free(output);
    free(weights);
}

void work_blocks(Work *sum, int64_t times, int64_t heads, int64_t rows, int64_t columns, int64_t in)
{
    float *x = filled(rows * heads * in), *y = filled(columns * heads * in), *out = filled(rows * columns);
    double start = begin();
    for (int64_t i = 0; i < times * heads; i++)
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)columns, (int)in, 1, x + i % heads * in,
                    (int)(heads * in), y + i % heads * in, (int)(heads * in), 0, out, (int)columns);
    end(sum, start, (double)(times * heads), rows, columns, in);
    free(x);
    free(y);
    free(out);
}
