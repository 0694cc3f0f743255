/* layout_advice.h - what would make an array lie on a tap of another shape */
#ifndef PLUMB_LAYOUT_ADVICE_H
#define PLUMB_LAYOUT_ADVICE_H

#include <jansson.h>

#include "checkpoint/array.h"
#include "inputs.h"
#include "run/arena.h"

typedef enum { ADVICE_FITS, ADVICE_PERMUTE, ADVICE_ROWS, ADVICE_NONE } AdviceKind;

typedef struct {
    AdviceKind kind;
    int order[ARRAY_MAX_RANK]; /* of a permute, which is of so many axes: */
    int count;
    const char *rows; /* "tokens" or "images" */
} LayoutAdvice;

/* Advises on an array for a tap's shape. A permutation is proposed where it makes the shapes fit, the one that moves
 * the fewest axes; rows where the array has as many in front as the inputs (which may be NULL) have real tokens or
 * patches and the tap holds all rows. */
LayoutAdvice layout_advice(const Array *array, int rank, const int64_t *shape, const Inputs *inputs);
/* "fits as it is", "\"permute\": [0, 2, 1, 3] would fit", "no permutation or reshape fits" */
const char *layout_advice_text(const LayoutAdvice *advice, Arena *arena);
/* As an operation of a name map: {"permute": [..]}; NULL where there is none */
json_t *layout_advice_json(const LayoutAdvice *advice);

#endif
