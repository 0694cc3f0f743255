/* progress.h - a bar on a terminal, for work that takes more than a second */
#ifndef PLUMB_PROGRESS_H
#define PLUMB_PROGRESS_H

#include <stdbool.h>
#include <time.h>

typedef struct {
    bool shown, wanted; /* wanted: stderr is a terminal and nobody asked for quiet */
    int layers;         /* of a pass, decode steps and all */
    int pass, seen;     /* layers of it that have come by */
    struct timespec start;
    int percent;
} Progress;

Progress progress_start(bool quiet, int layers);
/* tap: the one that was just produced in pass 0 .. passes - 1; a layer's output moves the bar within a pass. */
void progress_tap(Progress *progress, int pass, int passes, const char *tap);
void progress_end(Progress *progress);

#endif
