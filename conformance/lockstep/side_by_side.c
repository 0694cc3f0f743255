/* side_by_side.c - locksteps beside one another, and the threads that run them */
#include "lockstep/side_by_side.h"

#include <pthread.h>
#include <stdlib.h>

#include "lockstep/pass_state.h"

typedef struct {
    Job *job;
    void *context;
    int jobs, next; /* that a thread takes */
    pthread_mutex_t lock;
} Jobs;

typedef struct {
    Jobs *jobs;
    Lockstep *lockstep;
    pthread_t thread;
} Worker;

bool side_by_side_allowed(const Lockstep *l) { return l->trial.options.threads > 1 && l->subject.beside; }

static int take(Jobs *jobs)
{
    pthread_mutex_lock(&jobs->lock);
    int job = jobs->next < jobs->jobs ? jobs->next++ : -1;
    pthread_mutex_unlock(&jobs->lock);
    return job;
}

static void *work(void *context)
{
    Worker *worker = context;
    for (int job = take(worker->jobs); job >= 0; job = take(worker->jobs))
        worker->jobs->job(worker->jobs->context, worker->lockstep, job);
    return NULL;
}

/* ---------------------------------------------------------------- locksteps */

static void forget(Lockstep *w)
{
    padding_rows_free_copy(&w->rows);
    if (w->choices) choices_free_beside(w->choices);
    known_layers_free_beside(w->known);
    w->choices = NULL;
    w->known = NULL;
}

/* Its model and its subject stay from call to call, because opening them and touching memory first takes time. */
static void follow(Lockstep *w, const Lockstep *l)
{
    Trial trial = w->trial;
    Subject subject = w->subject;
    forget(w);
    *w = *l;
    w->trial = l->trial;
    w->trial.model = trial.model;
    w->subject = subject;
    w->steps.error = &w->error;
    w->steps.rows = &w->rows;
    w->steps.options = &w->trial.options;
    w->rows = padding_rows_copy(&l->rows);
    w->choices = choices_beside(l->choices, &w->rows);
    w->known = known_layers_beside(l->known);
    w->beside = NULL;
    w->beside_count = 0;
}

/* NULL: the model cannot be opened once more */
static Lockstep *open_beside(const Lockstep *l)
{
    Error unfit = { "" };
    Model *model = model_open_like(l->trial.model, NULL, &unfit);
    if (!model) return NULL;
    Lockstep *w = allocate_zeroed(1, sizeof *w);
    w->trial.model = model;
    w->subject = l->subject.beside(l->subject.self, model);
    w->subject.has_bugs = l->subject.has_bugs;
    w->subject.has_masks = l->subject.has_masks;
    if (w->subject.forward) return w;
    model_close(model);
    free(w);
    return NULL;
}

static void open_all(Lockstep *l, int count)
{
    while (l->beside_count < count) {
        Lockstep *w = open_beside(l);
        if (!w) return;
        l->beside = reallocate(l->beside, (size_t)l->beside_count + 1, sizeof(Lockstep *));
        l->beside[l->beside_count++] = w;
    }
}

void side_by_side_end(Lockstep *l)
{
    for (int i = 0; i < l->beside_count; i++) {
        Lockstep *w = l->beside[i];
        forget(w);
        if (w->subject.close) w->subject.close(w->subject.self);
        model_close(w->trial.model);
        free(w);
    }
    free(l->beside);
}

/* A machine that gives no more threads gets by with those that it gave: every job only waits for ones before it. */
void side_by_side(Lockstep *l, int count, Job *job, void *context)
{
    Jobs jobs = { .job = job, .context = context, .jobs = count, .lock = PTHREAD_MUTEX_INITIALIZER };
    int threads = side_by_side_allowed(l) ? l->trial.options.threads : 1;
    if (threads > count) threads = count;
    if (threads > 1) open_all(l, threads - 1);
    Worker *workers = allocate_zeroed((size_t)l->beside_count + 1, sizeof *workers);
    int begun = 0;
    for (; begun < threads - 1 && begun < l->beside_count; begun++) {
        follow(l->beside[begun], l);
        workers[begun] = (Worker){ .jobs = &jobs, .lockstep = l->beside[begun] };
        if (pthread_create(&workers[begun].thread, NULL, work, &workers[begun]) != 0) break;
    }
    work(&(Worker){ .jobs = &jobs, .lockstep = l });
    for (int i = 0; i < begun; i++) pthread_join(workers[i].thread, NULL);
    free(workers);
}
