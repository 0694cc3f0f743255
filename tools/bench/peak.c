/* peak.c - the two roofs over every kernel
 *
 * A loop of multiply-adds that touches no memory, with as many sums under way as hide the time that one takes; and a
 * sum over more memory than any cache holds. The Makefile lets this file contract a * b + c into one instruction.
 */
#include "bench/peak.h"

#include <pthread.h>
#include <stdlib.h>

#include "bench/work.h"

#ifdef __AVX512F__
enum { LANES = 16 };
#else
enum { LANES = 8 };
#endif
enum { SUMS = 12, TURNS = 1 << 23, MOST_THREADS = 256 };
#define READ_BYTES ((int64_t)1 << 29)

typedef float Lanes __attribute__((vector_size(4 * LANES)));

/* The inner loop is unrolled whole, so that the sums stay in registers, of which there are 16 or 32. */
static void *multiply_add(void *result)
{
    Lanes sum[SUMS], factor, addend;
    for (int k = 0; k < LANES; k++) factor[k] = 0.5f, addend[k] = (float)k;
    for (int i = 0; i < SUMS; i++) sum[i] = addend * (float)i;
    for (int turn = 0; turn < TURNS; turn++) {
#pragma GCC unroll 12
        for (int i = 0; i < SUMS; i++) sum[i] = sum[i] * factor + addend;
    }
    for (int i = 1; i < SUMS; i++) sum[0] += sum[i];
    *(float *)result = sum[0][0]; /* so that the sums are needed */
    return NULL;
}

typedef struct {
    const float *values;
    int64_t count;
    float sum;
} Part;

static void *add_up(void *context)
{
    Part *part = context;
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < part->count; i++) sum += part->values[i];
    part->sum = sum;
    return NULL;
}

typedef struct {
    void *(*work)(void *);
    void *context;
    int *waiting; /* of all threads */
} Turn;

/* Once for nothing: a thread begins on the processor of the one that started it, and is moved some milliseconds later.
 * Then all begin together. */
static void *work_together(void *context)
{
    const Turn *turn = context;
    turn->work(turn->context);
    __atomic_sub_fetch(turn->waiting, 1, __ATOMIC_ACQ_REL);
    while (__atomic_load_n(turn->waiting, __ATOMIC_ACQUIRE) > 0) continue;
    turn->work(turn->context);
    return NULL;
}

/* -> seconds until work(contexts[i]) is done on each of the threads */
static double on_threads(int threads, void *(*work)(void *), char *contexts, size_t size)
{
    pthread_t other[MOST_THREADS];
    Turn turns[MOST_THREADS];
    int waiting = threads;
    for (int i = 0; i < threads; i++) turns[i] = (Turn){ work, contexts + (size_t)i * size, &waiting };
    for (int i = 1; i < threads; i++)
        if (pthread_create(&other[i], NULL, work_together, &turns[i]) != 0) abort();
    work(contexts);
    __atomic_sub_fetch(&waiting, 1, __ATOMIC_ACQ_REL);
    while (__atomic_load_n(&waiting, __ATOMIC_ACQUIRE) > 0) continue;
    double start = now();
    work(contexts);
    for (int i = 1; i < threads; i++) pthread_join(other[i], NULL);
    return now() - start;
}

double fma_flops(int threads)
{
    float results[MOST_THREADS];
    double seconds = on_threads(threads, multiply_add, (char *)results, sizeof *results);
    return 2.0 * threads * TURNS * SUMS * LANES / seconds;
}

double read_bytes_per_second(int threads)
{
    static float *memory;
    int64_t count = READ_BYTES / (int64_t)sizeof *memory;
    if (!memory) memory = filled(count);
    Part parts[MOST_THREADS];
    for (int64_t i = 0; i < threads; i++)
        parts[i] = (Part){ memory + count * i / threads, count * (i + 1) / threads - count * i / threads, 0 };
    return (double)READ_BYTES / on_threads(threads, add_up, (char *)parts, sizeof *parts);
}
