/* threads.h - the rows of one operation, shared out over threads
 *
 * One operation at a time is shared out. Passes that run side by side have a thread each, and then every operation has
 * one (reference_set_passes).
 */
#ifndef PLUMB_THREADS_H
#define PLUMB_THREADS_H

#include <stdint.h>

/* How many threads an operation has, the caller among them: 1 unless set, and never more than the machine gives. Those
 * of before end. */
void threads_set(int threads);
int threads_count(void);

typedef void Share(void *context, int64_t first, int64_t end);

/* Calls share for parts of 0 .. count - 1, at once on different threads, and returns when all are done. Each part
 * begins at a multiple of `step`. One thread has all where `work`, in multiplications or so, is too little to share. */
void share_out(int64_t count, int64_t step, double work, Share *share, void *context);

#endif
