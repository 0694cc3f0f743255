/* parts.h - a bug in a part of the model, or at another strength
 *
 * A step's difference is taken apart: by the taps that it changes, by their layers, by heads, pictures, frames, clips
 * and experts. A pass for each part says what that part changes, and least squares over all of them which have it:
 * coefficients near 1 and near 0. Where all have the same coefficient, it is the bug's strength. A grade with the bug
 * in exactly those parts, or at that strength, must find the step straight.
 */
#ifndef PLUMB_PARTS_H
#define PLUMB_PARTS_H

#include "diagnose/suspects.h"

typedef struct {
    int place;    /* of the bug, in the suspects' list */
    BugPart part; /* its sites live in the arena */
    const char *reach; /* in words: "in layer 3 only"; NULL: everywhere */
    bool *straight;    /* of each step, with the bug in the part. The caller frees it */
} FoundPart;

/* d: bugs that are named already, and the arena for the words */
bool parts_find(const Suspects *suspects, int step, Diagnosis *d, FoundPart *found);

#endif
