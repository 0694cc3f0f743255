/* patches_merge.c - k x k neighbours become one patch of the unified family
 *
 *   patches [count, side, side, 3] at positions [count, 2]
 *     target_ordering        -> [count], the place of each patch where the squares of k x k follow one another
 *     argsort, gather        -> [count / k^2, k, k, side, side, 3]
 *     permute                -> [count / k^2, k * side, k * side, 3]: the pixels that the square covers, row by row
 *     positions / k, floor, least of the square
 *                            -> [count / k^2, 2]
 *
 * Hugging Face's argsort is not stable. So a grid of no whole squares, where two patches want one place, comes out
 * differently from machine to machine, and is refused before. Padding at (-1, -1) wants the places before all others.
 */
#include <stdlib.h>
#include <string.h>

#include "image/image_processor.h"

typedef struct {
    int64_t target, patch;
} Place;

static int by_target(const void *first, const void *second)
{
    const Place *a = first, *b = second;
    if (a->target != b->target) return a->target < b->target ? -1 : 1;
    return a->patch < b->patch ? -1 : a->patch > b->patch;
}

static int64_t floor_divide(int64_t value, int64_t k) { return (value - (value < 0 ? k - 1 : 0)) / k; }

static Place *target_ordering(const int64_t *positions, int64_t count, int64_t k, Arena *arena)
{
    Place *places = arena_allocate(arena, (size_t)count * sizeof *places);
    int64_t max_x = 0;
    for (int64_t i = 0; i < count; i++)
        if (positions[2 * i] >= max_x) max_x = positions[2 * i] + 1;
    for (int64_t i = 0; i < count; i++) {
        int64_t x = positions[2 * i], y = positions[2 * i + 1];
        int64_t column = floor_divide(x, k), row = floor_divide(y, k);
        int64_t num_patches_from_top_left = k * k * column + k * max_x * row;
        places[i] = (Place){ (x - k * column) + k * (y - k * row) + num_patches_from_top_left, i };
    }
    return places;
}

static bool is_padding(const int64_t *position) { return position[0] == -1 && position[1] == -1; }

/* HF asks whether a patch is padding before it is moved; so does this. */
static void merge_positions(const Place *perm, const int64_t *positions, int64_t squares, int64_t k, int64_t *merged)
{
    for (int64_t square = 0; square < squares; square++)
        for (int axis = 0; axis < 2; axis++)
            for (int64_t i = square * k * k; i < (square + 1) * k * k; i++) {
                int64_t from = is_padding(positions + 2 * i) ? i : perm[i].patch;
                int64_t position = floor_divide(positions[2 * from + axis], k), *least = &merged[2 * square + axis];
                if (i == square * k * k || position < *least) *least = position;
            }
}

void patches_merge(PatchesMerge m, const float *patches, const int64_t *positions, float *merged,
                   int64_t *merged_positions, Arena *arena)
{
    ArenaMark mark = arena_mark(arena);
    Place *perm = target_ordering(positions, m.count, m.k, arena);
    qsort(perm, (size_t)m.count, sizeof *perm, by_target);
    size_t row = 3 * (size_t)m.side, patch = row * (size_t)m.side, k = (size_t)m.k, squares = (size_t)m.count / (k * k);
    for (size_t i = 0; i < squares * k * k; i++) {
        const float *from = patches + (size_t)perm[i].patch * patch;
        float *to = merged + i / (k * k) * (k * k) * patch + i % (k * k) / k * k * patch + i % k * row;
        for (int y = 0; y < m.side; y++) memcpy(to + (size_t)y * k * row, from + (size_t)y * row, row * sizeof *to);
    }
    merge_positions(perm, positions, (int64_t)squares, m.k, merged_positions);
    arena_release(arena, mark);
}
