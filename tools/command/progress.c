/* progress.c - the bar */
#include "command/progress.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dump/tap_name.h"

enum { WIDTH = 40 };

Progress progress_start(bool quiet, int layers)
{
    Progress progress = { .wanted = !quiet && isatty(STDERR_FILENO), .layers = layers, .percent = -1 };
    clock_gettime(CLOCK_MONOTONIC, &progress.start);
    return progress;
}

static double seconds_since(struct timespec start)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start.tv_sec) + 1e-9 * (double)(now.tv_nsec - start.tv_nsec);
}

/* "..layers.N", perhaps with "@k" */
static bool is_layer(const char *tap)
{
    const char *layer = strstr(tap, "layers.");
    if (!layer) return false;
    layer += strlen("layers.");
    layer += strspn(layer, "0123456789");
    return layer == tap + tap_base_length(tap);
}

void progress_tap(Progress *progress, int pass, int passes, const char *tap)
{
    if (pass != progress->pass) progress->seen = 0;
    progress->pass = pass;
    if (!is_layer(tap)) return;
    progress->seen++;
    if (!progress->wanted || (!progress->shown && seconds_since(progress->start) < 1)) return;

    double done = pass + fmin(1, progress->seen / (double)progress->layers);
    int percent = (int)(100 * done / passes);
    if (percent <= progress->percent) return; /* decode steps begin with layer 0 again, and near-ties add passes */
    progress->shown = true;
    progress->percent = percent;

    char bar[WIDTH + 1];
    memset(bar, '.', WIDTH);
    memset(bar, '#', (size_t)(percent * WIDTH / 100));
    bar[WIDTH] = '\0';
    fprintf(stderr, "\rpass %d of %d [%s] %3d %%", pass + 1, passes, bar, percent);
}

void progress_end(Progress *progress)
{
    if (progress->shown) fprintf(stderr, "\r\033[K");
}
