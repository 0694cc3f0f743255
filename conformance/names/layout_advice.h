/* layout_advice.h - what would make an array lie on a tap of another shape */
#ifndef PLUMB_LAYOUT_ADVICE_H
#define PLUMB_LAYOUT_ADVICE_H

#include <jansson.h>

#include "checkpoint/array.h"
#include "inputs.h"
#include "run/arena.h"

typedef enum {
    ADVICE_FITS,
    ADVICE_PERMUTE,
    ADVICE_ROWS,
    ADVICE_SELECT, /* an axis is longer than the tap's */
    ADVICE_JOIN,   /* it is one place of an axis, as a row of a batch */
    ADVICE_NONE
} AdviceKind;

typedef struct {
    AdviceKind kind;
    int order[ARRAY_MAX_RANK]; /* of a permute, which is of so many axes: */
    int count;
    const char *rows; /* "tokens" or "images" */
    int axis;         /* that is longer, or of which it is one place */
    int64_t places;   /* that the tap has along it */
    int64_t beyond;   /* of those that the array has, how many the tap has not */
} LayoutAdvice;

/* Advises on an array for a tap's shape. A permutation is proposed where it makes the shapes fit, the one that moves
 * the fewest axes; rows where the array has as many in front as the inputs (which may be NULL) have real tokens or
 * patches and the tap holds all rows; a select where one axis alone is longer, behind which is padding, it may be. */
LayoutAdvice layout_advice(const Array *array, int rank, const int64_t *shape, const Inputs *inputs);
/* Whether the array lies on the tap, perhaps after an operation that drops nothing and needs no other array */
bool layout_advice_fits(const LayoutAdvice *advice);
extern const char *const layout_advice_nothing; /* the text where nothing fits */
/* "fits as it is", "\"permute\": [0, 2, 1, 3] would fit", .. */
const char *layout_advice_text(const LayoutAdvice *advice, Arena *arena);
/* As an operation of a name map: {"permute": [..]}; NULL where there is none */
json_t *layout_advice_json(const LayoutAdvice *advice);

#endif
