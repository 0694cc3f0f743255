/* row_map.c - shapes compared */
#include "noise/row_map.h"

#include <string.h>

#include "dump/array_layout.h"
#include "dump/tap_name.h"

bool array_matches_shape(const Array *array, int rank, const int64_t *shape)
{
    int i = 0, j = 0;
    for (;;) {
        while (i < array->rank && array->shape[i] == 1) i++;
        while (j < rank && shape[j] == 1) j++;
        if (i == array->rank || j == rank) return i == array->rank && j == rank;
        if (array->shape[i++] != shape[j++]) return false;
    }
}

/* How many positions the array holds; 0 where its elements make no whole number of them */
static int64_t count_held(const Array *array, const Tap *tap, Layout layout)
{
    int64_t of_position = layout.outer * layout.inner * tap->shape[tap->rank - 1];
    int64_t elements = array_elements(array);
    return of_position > 0 && elements % of_position == 0 ? elements / of_position : 0;
}

bool row_map_of(const PaddingRows *rows, const Array *array, const Tap *tap, RowMap *row_map)
{
    Layout layout = padding_rows_layout(rows, tap);
    *row_map = (RowMap){ layout, layout.positions, tap->shape[tap->rank - 1] };
    if (array_regroups(array, tap->rank, tap->shape)) return true;

    int64_t shape[TENSOR_MAX_RANK], held = count_held(array, tap, layout);
    if (tap_is_media(tap->name) || tap->rank < 2 || held < 1 || held >= layout.positions) return false;
    memcpy(shape, tap->shape, sizeof shape);
    shape[layout.axis] = shape[layout.axis] / layout.positions * held;
    row_map->held = held;
    return array->rank == tap->rank ? array_has_shape(array, tap->rank, shape)
                                    : array_matches_shape(array, tap->rank, shape);
}

int64_t row_map_rows(const RowMap *row_map) { return row_map->layout.outer * row_map->held * row_map->layout.inner; }

int64_t row_map_tap_rows(const RowMap *row_map)
{
    return row_map->layout.outer * row_map->layout.positions * row_map->layout.inner;
}

int64_t row_map_dump_row(const RowMap *row_map, int64_t row)
{
    const Layout *at = &row_map->layout;
    int64_t outer = row / at->inner / at->positions, position = row / at->inner % at->positions;
    position -= at->positions - row_map->held;
    return position < 0 ? -1 : (outer * row_map->held + position) * at->inner + row % at->inner;
}

int64_t row_map_tap_row(const RowMap *row_map, int64_t dump_row)
{
    const Layout *at = &row_map->layout;
    int64_t outer = dump_row / at->inner / row_map->held, position = dump_row / at->inner % row_map->held;
    position += at->positions - row_map->held;
    return (outer * at->positions + position) * at->inner + dump_row % at->inner;
}
