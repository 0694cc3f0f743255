/* progress.c - the bar */
#include "command/progress.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command/terminal.h"
#include "dump/tap_name.h"

enum { WIDTH = 30, SECONDS_BETWEEN_LINES = 60 };

Progress progress_start(bool quiet, int layers)
{
    Progress progress = { .columns = terminal_columns(STDERR_FILENO),
                          .wanted = !quiet,
                          .on_terminal = isatty(STDERR_FILENO),
                          .work = { .layers = layers, .at_once = 1 },
                          .percent = -1 };
    clock_gettime(CLOCK_MONOTONIC, &progress.start);
    return progress;
}

void progress_expect_threads(Progress *progress, int threads)
{
    progress->work.at_once = threads < 1 ? 1 : threads < MOST_PASSES_AT_ONCE ? threads : MOST_PASSES_AT_ONCE;
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

typedef struct {
    char elapsed[48], remaining[48]; /* "2:05", "about 1:10:00" */
} Times;

static void clock_text(char *text, size_t size, const char *about, double seconds)
{
    long s = lround(fmin(seconds, 1e8));
    if (s < 3600)
        snprintf(text, size, "%s%ld:%02ld", about, s / 60, s % 60);
    else
        snprintf(text, size, "%s%ld:%02ld:%02ld", about, s / 3600, s / 60 % 60, s % 60);
}

/* done: the part of the work; what is left is expected to take as long as what was done. */
static Times times_of(double seconds, double done)
{
    Times times;
    clock_text(times.elapsed, sizeof times.elapsed, "", seconds);
    clock_text(times.remaining, sizeof times.remaining, "about ", done > 0 ? seconds * (1 - done) / done : 0);
    return times;
}

/* In a log a bar is no use, but a minute's silence looks like a hang. */
static void say_line(Progress *progress, double seconds, int pass, int passes, int percent, const Times *times)
{
    if (seconds - progress->said < SECONDS_BETWEEN_LINES) return;
    progress->said = seconds;
    fprintf(stderr, "plumb: pass %d of %d, %d %%, %s so far, %s left\n", pass + 1, passes, percent, times->elapsed,
            times->remaining);
}

/* Without a bar where the terminal has no room for one */
static void draw_bar(const Progress *progress, int pass, int passes, const Times *times)
{
    char bar[WIDTH + 4] = "", numbers[160];
    snprintf(numbers, sizeof numbers, "%3d %% %s, %s left ", progress->percent, times->elapsed, times->remaining);
    int room = (progress->columns ? progress->columns : 80) - (int)strlen(numbers) - 24;
    int width = room < WIDTH ? room : WIDTH;
    if (width >= 5) {
        bar[0] = '[';
        memset(bar + 1, '.', (size_t)width);
        memset(bar + 1, '#', (size_t)(progress->percent * width / 100));
        strcpy(bar + 1 + width, "] ");
    }
    fprintf(stderr, "\rpass %d of %d %s%s\033[K", pass + 1, passes, bar, numbers);
}

void progress_tap(Progress *progress, int pass, int passes, const char *tap)
{
    double done = work_done_add(&progress->work, pass, is_layer(tap));
    if (!is_layer(tap)) return;
    double seconds = seconds_since(progress->start);
    if (!progress->wanted || (!progress->shown && seconds < 1)) return;

    pass = (int)fmin(done, passes - 1); /* of passes side by side none says how far all are */
    int percent = (int)(100 * done / passes);
    if (percent <= progress->percent) return; /* decode steps begin with layer 0 again, and near-ties add passes */
    Times times = times_of(seconds, done / passes);
    if (!progress->on_terminal) {
        say_line(progress, seconds, pass, passes, percent, &times);
        return;
    }
    progress->shown = true;
    progress->percent = percent;

    draw_bar(progress, pass, passes, &times);
}

void progress_hide(Progress *progress)
{
    if (progress->shown) fprintf(stderr, "\r\033[K");
}

void progress_end(Progress *progress) { progress_hide(progress); }
