/* row_map.h - how an array of the dump lies on its tap
 *
 * The same shape, but for dimensions of 1, which many backends leave out. Or fewer positions of the text: then they are
 * the last ones, as Hugging Face's generate computes no others where nothing depends on them.
 */
#ifndef PLUMB_ROW_MAP_H
#define PLUMB_ROW_MAP_H

#include "checkpoint/array.h"
#include "noise/padding_rows.h"

typedef struct {
    Layout layout; /* of the tap */
    int64_t held;  /* of its positions, the last ones */
    int64_t width; /* of a row */
} Extent;

bool same_shape(const Array *array, int rank, const int64_t *shape);                  /* but for dimensions of 1 */
bool extent_of(const Rows *rows, const Array *array, const Tap *tap, Extent *extent); /* false: of another shape */
int64_t extent_rows(const Extent *extent);                                            /* of the array */
int64_t extent_held_row(const Extent *extent, int64_t row);     /* a row of the tap: which of the array's; -1: none */
int64_t extent_tap_row(const Extent *extent, int64_t held_row); /* and back */

#endif
