/* recording.h - a hook that remembers every tap of a pass, and may replace some */
#ifndef PLUMB_RECORDING_H
#define PLUMB_RECORDING_H

#include "helpers.h"

typedef struct {
    const char *name;
    Tensor value; /* in scratch; as it came, before it was replaced */
} RecordedTap;

/* Called with each whole tap, or with each part of one, after it was written down. */
typedef void Replace(const char *name, real *values, int64_t first, int64_t count);

typedef struct {
    RecordedTap *taps; /* in the order they came */
    int count;
    Replace *replace; /* NULL: nothing is */
} Recording;

Run *recording_run(Recording *recording, Rounding rounding); /* its values outlast it, until the end of the test */
void record(void *recording, const Tap *tap);                /* the hook itself, for a Pass */
bool has_tap(const Recording *recording, const char *name);
Tensor tap_of(const Recording *recording, const char *name); /* fails where there is none */
int place_of(const Recording *recording, const char *name);  /* among the taps */

#endif
