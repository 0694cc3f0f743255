/* turns.c - one number for each pass, and a bell that rings when one changes */
#include "lockstep/turns.h"

#include <pthread.h>
#include <stdlib.h>

#include "run/arena.h"

struct Turns {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int *gone_by; /* of each pass: steps */
};

Turns *turns_new(int passes)
{
    Turns *turns = allocate_zeroed(1, sizeof *turns);
    turns->gone_by = allocate_zeroed((size_t)passes + 1, sizeof *turns->gone_by);
    pthread_mutex_init(&turns->lock, NULL);
    pthread_cond_init(&turns->changed, NULL);
    return turns;
}

void turns_free(Turns *turns)
{
    pthread_mutex_destroy(&turns->lock);
    pthread_cond_destroy(&turns->changed);
    free(turns->gone_by);
    free(turns);
}

void turns_go_by(Turns *turns, int pass, int steps)
{
    pthread_mutex_lock(&turns->lock);
    if (steps > turns->gone_by[pass]) {
        turns->gone_by[pass] = steps;
        pthread_cond_broadcast(&turns->changed);
    }
    pthread_mutex_unlock(&turns->lock);
}

void turns_wait(Turns *turns, int pass, int steps)
{
    pthread_mutex_lock(&turns->lock);
    while (turns->gone_by[pass] < steps) pthread_cond_wait(&turns->changed, &turns->lock);
    pthread_mutex_unlock(&turns->lock);
}
