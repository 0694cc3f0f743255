/* reach.h - a bug in a part of the batch
 *
 * Sequences of a batch do not touch each other, so a bug may be in one and not in the next: a mask that is built for
 * the first row alone, positions that are the longest row's. What a bug changes is then looked for in each sequence
 * apart.
 */
#ifndef PLUMB_REACH_H
#define PLUMB_REACH_H

#include "diagnose/suspects.h"

typedef struct {
    int place;          /* of the bug, in the suspects' list */
    uint64_t sequences; /* a bit for each that has it */
    bool *straight;     /* of each step: whether it is, with the bug in these and without it in the others */
} Reach;

/* Whether some sequences of a step that is bent have a bug, and the others show that they do not: coefficients near 1
 * and near 0, and two grades that find the step straight in both parts. A pass for each suspect that explains something
 * of it, twelve at most. The caller frees straight where it is true. */
bool reach_find(const Suspects *suspects, int step, Reach *reach);
const char *reach_text(uint64_t sequences, Arena *arena); /* "in sequence 1 of the batch only", from 0 */

#endif
