/* tried.h - what passes of single bugs have found of a dump
 *
 * Each bug's pass is independent of the others', so that shards of a diagnosis share bugs out: each begins as a whole
 * diagnosis does, with the grade, and then tries its own. Whoever has what all have found goes on from there.
 */
#ifndef PLUMB_TRIED_H
#define PLUMB_TRIED_H

#include "bugs/bug.h"
#include "diagnose/matched_filter.h"

typedef struct {
    bool is_tried;
    bool remembers; /* as in Suspect */
    Match *matches; /* of each step; NULL: the case and the dump do not show the bug */
} TriedBug;

typedef struct Tried {
    const char **taps; /* of the steps; they live in the arena */
    int step_count;
    TriedBug *bugs; /* of each bug of the catalogue */
    Arena arena;
} Tried;

Tried *tried_new(int step_count);                         /* nothing is tried yet; taps are NULL */
void tried_free(Tried *tried);                            /* NULL is fine */
bool tried_is_of(const Tried *tried, const Grade *grade); /* it has the same steps */

#endif
