/* twin.c - a pass on a thread, of which never more than one runs */
#include "bugs/switch/twin.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "run/arena.h"

struct Twin {
    Model *model;
    const Reference *reference;
    const Inputs *inputs;
    Pass pass;
    pthread_t thread;
    sem_t at_tap, may_go_on;
    const Tap *tap;  /* that it waits at; NULL: its pass is over */
    bool is_waiting; /* the first model knows, and has not let it go on */
    bool is_alone;   /* it waits no more */
    bool has_thread; /* the machine gave one */
    const char *known_layer;
};

static void wait_for(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0) continue; /* a signal came */
}

static void at_tap(void *context, const Tap *tap)
{
    Twin *twin = context;
    if (twin->is_alone) return;
    twin->tap = tap;
    sem_post(&twin->at_tap);
    wait_for(&twin->may_go_on);
}

static bool is_left_out(void *context, const char *layer)
{
    const Twin *twin = context;
    return !twin->is_alone && strcmp(twin->known_layer, layer) == 0;
}

static void *run(void *context)
{
    Twin *twin = context;
    wait_for(&twin->may_go_on);
    twin->reference->forward(twin->model, twin->inputs, &twin->pass);
    twin->tap = NULL;
    sem_post(&twin->at_tap);
    return NULL;
}

Twin *twin_begin(Model *model, const Reference *reference, const Inputs *inputs, const Pass *pass,
                 const char *known_layer)
{
    Twin *twin = allocate_zeroed(1, sizeof *twin);
    *twin = (Twin){ .model = model, .reference = reference, .inputs = inputs, .known_layer = known_layer };
    twin->pass = *pass;
    twin->pass.hook = at_tap;
    twin->pass.known = is_left_out;
    twin->pass.hook_context = twin;
    sem_init(&twin->at_tap, 0, 0);
    sem_init(&twin->may_go_on, 0, 0);
    twin->has_thread = pthread_create(&twin->thread, NULL, run, twin) == 0;
    twin->is_alone = !twin->has_thread;
    twin->is_waiting = twin->has_thread;
    return twin;
}

static void let_go_on(Twin *twin)
{
    if (twin->is_waiting) sem_post(&twin->may_go_on);
    twin->is_waiting = false;
}

static void leave_alone(Twin *twin)
{
    twin->is_alone = true;
    let_go_on(twin);
}

const void *twin_values(Twin *twin, const Tap *tap)
{
    if (twin->is_alone) return NULL;
    let_go_on(twin);
    wait_for(&twin->at_tap);
    const Tap *own = twin->tap;
    twin->is_waiting = own != NULL;
    if (own && strcmp(own->name, tap->name) == 0 && own->first == tap->first && own->count == tap->count)
        return own->values;
    leave_alone(twin);
    return NULL;
}

void twin_go_on(Twin *twin, const Tap *tap)
{
    if (twin->is_waiting) memcpy(twin->tap->values, tap->values, (size_t)tap->count * tap->value_size);
}

void twin_end(Twin *twin)
{
    leave_alone(twin);
    if (twin->has_thread) pthread_join(twin->thread, NULL);
    sem_destroy(&twin->at_tap);
    sem_destroy(&twin->may_go_on);
    free(twin);
}
