/* array_layout.h - arrays taken apart, put together, and laid out anew
 *
 * Their results lie in the arena, or in the array that was given. Axes are counted from 0, or from the end with -1,
 * -2, ..; array_axis says which one is meant. Checks that are the caller's are asserted.
 */
#ifndef PLUMB_ARRAY_LAYOUT_H
#define PLUMB_ARRAY_LAYOUT_H

#include "checkpoint/array.h"
#include "run/arena.h"

int array_axis(const Array *array, int64_t axis); /* -1: it has none of that number */

/* The same elements in the same order, where each axis of one is several adjoining ones of the other: [2, 36, 64]
 * regroups to [2, 36, 4, 16] and to [72, 64], and not to [36, 2, 64]. Dimensions of 1 do not matter. */
bool array_regroups(const Array *array, int rank, const int64_t *shape);
Array array_reshaped(const Array *array, int rank, const int64_t *shape); /* of as many elements */

Array array_cut(const Array *array, int axis, int64_t first, int64_t count, Arena *arena);
Array array_without_axis(const Array *array, int axis); /* of one element */
Array array_with_axis(const Array *array, int axis); /* of one element, put in front of that axis; rank: at the end */
/* The arrays are of one dtype, and their shapes differ along that axis alone; count > 0. */
Array array_joined(const Array *arrays, int count, int axis, Arena *arena);
bool arrays_join(const Array *left, const Array *right, int axis); /* whether they can be */

/* Row i of the array becomes row places[i] of `rows` rows; the others are 0. A row is everything behind axis 0. */
Array array_rows_placed(const Array *array, const int64_t *places, int64_t rows, Arena *arena);

Array array_scaled(const Array *array, double factor, Arena *arena); /* in F32, or in F64 where it was that */
bool array_can_be_cast(Dtype from, Dtype to);
Array array_cast(const Array *array, Dtype dtype, Arena *arena); /* rounded to nearest, ties to even */

#endif
