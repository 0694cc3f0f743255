/* threads.c - threads that wait for parts of an operation
 *
 * A thread that has nothing to do looks around for some microseconds before it goes to sleep, because the next
 * operation mostly comes sooner than a thread wakes up.
 */
#include "run/threads.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "run/arena.h"

enum { LOOKS = 2000 };                    /* for work, or for the end of it: some 50 microseconds */
static const double LEAST_WORK = 1 << 16; /* that takes longer than handing it over */

/* An operation */
typedef struct {
    Share *share;
    void *context;
    int64_t count, size; /* of a part, but for the last */
} Operation;

static pthread_mutex_t shared_out = PTHREAD_MUTEX_INITIALIZER; /* who has it may hand out an operation */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;       /* of all that follows */
static pthread_cond_t work_is_there = PTHREAD_COND_INITIALIZER, work_is_done = PTHREAD_COND_INITIALIZER;
static Operation operation;
static int64_t taken;        /* the place up to which parts have been taken */
static int open, unfinished; /* parts that nobody has taken, and parts that are not done; read without the lock, too */
static bool is_over;
static pthread_t *workers;
static int worker_count;

static inline void look_away(void)
{
#if defined __x86_64__
    __builtin_ia32_pause();
#endif
}

static int read_now(const int *value) { return __atomic_load_n(value, __ATOMIC_ACQUIRE); }
static void write_now(int *value, int now) { __atomic_store_n(value, now, __ATOMIC_RELEASE); }

/* Takes a part and does it; false where there is none. */
static bool do_a_part(void)
{
    pthread_mutex_lock(&lock);
    if (!open) {
        pthread_mutex_unlock(&lock);
        return false;
    }
    Operation of = operation;
    int64_t first = taken, end = first + of.size < of.count ? first + of.size : of.count;
    taken = end;
    write_now(&open, open - 1);
    pthread_mutex_unlock(&lock);

    of.share(of.context, first, end);

    pthread_mutex_lock(&lock);
    write_now(&unfinished, unfinished - 1);
    if (!unfinished) pthread_cond_signal(&work_is_done);
    pthread_mutex_unlock(&lock);
    return true;
}

static void *wait_for_work(void *nothing)
{
    for (bool over = false; !over;) {
        for (int looks = 0; looks < LOOKS && !read_now(&open); looks++) look_away();
        if (do_a_part()) continue;
        pthread_mutex_lock(&lock);
        while (!open && !is_over) pthread_cond_wait(&work_is_there, &lock);
        over = is_over;
        pthread_mutex_unlock(&lock);
    }
    return nothing;
}

static void end_workers(void)
{
    pthread_mutex_lock(&lock);
    is_over = true;
    pthread_cond_broadcast(&work_is_there);
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < worker_count; i++) pthread_join(workers[i], NULL);
    free(workers);
    workers = NULL;
    worker_count = 0;
    is_over = false;
}

void threads_set(int threads)
{
    if (threads == worker_count + 1) return;
    end_workers();
    if (threads <= 1) return;
    workers = allocate_zeroed((size_t)threads, sizeof *workers);
    while (worker_count < threads - 1 && pthread_create(&workers[worker_count], NULL, wait_for_work, NULL) == 0)
        worker_count++;
}

int threads_count(void) { return worker_count + 1; }

/* Parts of equal size, one for each thread */
static int64_t size_of_part(int64_t count, int64_t step)
{
    int64_t steps = (count + step - 1) / step;
    return (steps + worker_count) / (worker_count + 1) * step;
}

void share_out(int64_t count, int64_t step, double work, Share *share, void *context)
{
    bool is_shared = worker_count > 0 && count > step && work >= LEAST_WORK && pthread_mutex_trylock(&shared_out) == 0;
    if (!is_shared) {
        if (count > 0) share(context, 0, count);
        return;
    }
    int64_t size = size_of_part(count, step);
    int parts = (int)((count + size - 1) / size);
    pthread_mutex_lock(&lock);
    operation = (Operation){ share, context, count, size };
    taken = 0;
    write_now(&unfinished, parts);
    write_now(&open, parts);
    pthread_cond_broadcast(&work_is_there);
    pthread_mutex_unlock(&lock);

    while (do_a_part()) continue;
    for (int looks = 0; looks < LOOKS && read_now(&unfinished); looks++) look_away();
    pthread_mutex_lock(&lock);
    while (unfinished) pthread_cond_wait(&work_is_done, &lock);
    pthread_mutex_unlock(&lock);
    pthread_mutex_unlock(&shared_out);
}
