/* side_by_side.h - passes of one lockstep on several threads
 *
 * A thread has a lockstep of its own, which shares the steps and what is known of them, and has its own place in the
 * pass, its own choices and its own model (of the same files). So nothing but sums is shared, and turns.h keeps those
 * in order. The model's products run on one thread each.
 */
#ifndef PLUMB_SIDE_BY_SIDE_H
#define PLUMB_SIDE_BY_SIDE_H

#include <stdbool.h>

typedef struct Lockstep Lockstep;

/* job: from 0 on, begun in this order; lockstep: the thread's, whose visits it may run */
typedef void Job(void *context, Lockstep *lockstep, int job);

/* As many at once as the trial's options say and the subject allows, on the caller's thread too; returns when all are
 * done. On one thread they run one after the other. */
void side_by_side(Lockstep *lockstep, int jobs, Job *job, void *context);
bool side_by_side_allowed(const Lockstep *lockstep); /* there is more than one thread */
void side_by_side_end(Lockstep *lockstep);           /* what it keeps from call to call is freed */

#endif
