/* row_map.h - how an array of the dump lies on its tap
 *
 * An array has the shape of its tap, but for dimensions of 1, which many backends leave out, and for adjoining axes,
 * which it may have as one, or one as several (dump/array_layout.h). Or it holds fewer positions of the text: then
 * these are the last ones, because Hugging Face's generate computes no others where nothing depends on them.
 */
#ifndef PLUMB_ROW_MAP_H
#define PLUMB_ROW_MAP_H

#include "checkpoint/array.h"
#include "noise/padding_rows.h"

typedef struct {
    Layout layout; /* of the tap */
    int64_t held;  /* the array holds so many of its positions, the last ones */
    int64_t width; /* elements of a row */
} RowMap;

bool array_matches_shape(const Array *array, int rank, const int64_t *shape); /* but for dimensions of 1 */
bool row_map_of(const PaddingRows *rows, const Array *array, const Tap *tap,
                RowMap *row_map);                                 /* false: of another shape */
int64_t row_map_rows(const RowMap *row_map);                      /* of the array */
int64_t row_map_tap_rows(const RowMap *row_map);                  /* of the tap */
int64_t row_map_dump_row(const RowMap *row_map, int64_t row);     /* a row of the tap: which of the array's; -1: none */
int64_t row_map_tap_row(const RowMap *row_map, int64_t dump_row); /* and back */

#endif
