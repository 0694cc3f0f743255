/* work_done.h - how many passes' worth of layers are behind us, where several passes run at once */
#ifndef PLUMB_WORK_DONE_H
#define PLUMB_WORK_DONE_H

enum { MOST_PASSES_AT_ONCE = 64 };

/* Passes begin in the order of their numbers, so that only the latest `at_once` of them can be under way. */
typedef struct {
    int layers;  /* of a pass */
    int at_once; /* 1 to MOST_PASSES_AT_ONCE */
    int latest;  /* pass that has begun */
    int seen[MOST_PASSES_AT_ONCE]; /* layers of each that may be under way, by its number modulo the room */
} WorkDone;

/* A tap of the pass has come; layer: it is a layer's output. Returns how many passes are done. */
double work_done_add(WorkDone *work, int pass, int layer);

#endif
