/* progress.h - a bar on a terminal, for work that takes more than a second; elsewhere a line a minute */
#ifndef PLUMB_PROGRESS_H
#define PLUMB_PROGRESS_H

#include <stdbool.h>
#include <time.h>

#include "command/work_done.h"

typedef struct {
    int columns; /* of the terminal; 0: unknown */
    bool shown, wanted, on_terminal; /* wanted: nobody asked for quiet */
    double said;                     /* seconds from the start to the last line, where there is no terminal */
    WorkDone work;
    struct timespec start;
    int percent;
} Progress;

Progress progress_start(bool quiet, int layers); /* of a pass, decode steps and all */
void progress_expect_threads(Progress *progress, int threads); /* that run a pass each; without it, one */
/* tap: the one that was just produced in pass 0 .. passes - 1; a layer's output moves the bar within a pass. */
void progress_tap(Progress *progress, int pass, int passes, const char *tap);
void progress_hide(Progress *progress); /* until the bar moves again: something else is printed */
void progress_end(Progress *progress);

#endif
