/* layout_step.h - one operation of a name map, from JSON */
#ifndef PLUMB_LAYOUT_STEP_H
#define PLUMB_LAYOUT_STEP_H

#include <jansson.h>

#include "checkpoint/array.h"
#include "run/arena.h"

typedef enum {
    LAYOUT_CONCAT,
    LAYOUT_STACK,
    LAYOUT_SPLIT,
    LAYOUT_UNSTACK,
    LAYOUT_RESHAPE,
    LAYOUT_MERGE,
    LAYOUT_PERMUTE,
    LAYOUT_SELECT,
    LAYOUT_SQUEEZE,
    LAYOUT_ROWS,
    LAYOUT_SCALE,
    LAYOUT_CAST,
    LAYOUT_COUNT
} LayoutKind;

typedef enum { ROWS_TOKENS, ROWS_IMAGES } RowsKind;

typedef struct {
    LayoutKind kind;
    int64_t axis;
    int64_t values[ARRAY_MAX_RANK]; /* shares of a split, a shape, an order */
    int value_count;
    int64_t first, count; /* of a select; count 0: `first` alone, whose axis goes. Of a merge: first and last axis */
    int64_t begin, step;  /* of an unstack: part k is number begin + k * step */
    RowsKind rows;
    double factor;
    const char *key; /* of the configuration, which to the power of factor is what is multiplied; NULL: factor itself */
    Dtype dtype;
} LayoutStep;

extern const char *const layout_names; /* "concat, stack, .." */

const char *layout_name(LayoutKind kind);
bool layout_gathers(LayoutKind kind); /* makes one array of several */
bool layout_parts(LayoutKind kind);   /* makes several of one */

bool layout_is_known(const char *key);
/* Returns what is wrong, in the arena; NULL: nothing. The key must be known. */
const char *layout_step_read(const char *key, const json_t *value, LayoutStep *step, Arena *arena);

#endif
