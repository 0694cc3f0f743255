/* resize.c - a horizontal and a vertical pass, each rounded to levels
 *
 *   picture [height, width, 3]
 *     horizontal    -> [height, new width, 3]      left out where the width stays, as in both libraries
 *     vertical      -> [new height, new width, 3]  left out where the height stays
 *
 * The vertical pass is the simple one: a new row is a weighted sum of old rows. The horizontal pass is the same on the
 * transposed picture, which is transposed by blocks of rows, so that a block stays in the cache.
 */
#include "image/resize.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { LANES = 32, TILE = 64 }; /* sums formed side by side in vector registers; bytes of a row transposed at once */

/* One new pixel is made with these. */
typedef struct {
    const int *weights; /* [count] */
    int count, precision;
} PixelWeights;

static PixelWeights weights_of(ResizeWeights w, size_t pixel)
{
    return (PixelWeights){ w.weights + pixel * (size_t)w.most, w.count[pixel], w.precision };
}

/* out[lane] = the weighted sum over j of in[j * stride + lane], rounded half up and cut to a level. It stays within 31
 * bits: the weights sum to 1, and to less than 2 without their signs. */
static inline __attribute__((always_inline)) void weighted_sum(unsigned char *out, const unsigned char *in,
                                                               size_t stride, PixelWeights w, int lanes)
{
    int sums[LANES];
    for (int lane = 0; lane < lanes; lane++) sums[lane] = 1 << (w.precision - 1);
    for (int j = 0; j < w.count; j++)
        for (int lane = 0; lane < lanes; lane++) sums[lane] += w.weights[j] * in[(size_t)j * stride + (size_t)lane];
    for (int lane = 0; lane < lanes; lane++) {
        int level = sums[lane] >> w.precision;
        out[lane] = (unsigned char)(level < 0 ? 0 : level > 255 ? 255 : level);
    }
}

static void vertical(Picture out, Picture in, ResizeWeights w)
{
    size_t row = picture_row(in), rest = row % LANES;
    for (int y = 0; y < out.height; y++) {
        const unsigned char *from = in.pixels + (size_t)w.first[y] * row;
        PixelWeights weights = weights_of(w, (size_t)y);
        unsigned char *to = out.pixels + (size_t)y * row;
        for (size_t x = 0; x + LANES <= row; x += LANES) weighted_sum(to + x, from + x, row, weights, LANES);
        if (rest) weighted_sum(to + row - rest, from + row - rest, row, weights, (int)rest);
    }
}

/* block [row, LANES] <- rows [lanes, row]; lanes that have no row any more keep what they have */
static void transpose(unsigned char *block, const unsigned char *rows, size_t row, int lanes)
{
    for (size_t tile = 0; tile < row; tile += TILE) {
        size_t end = tile + TILE < row ? tile + TILE : row;
        for (int lane = 0; lane < lanes; lane++)
            for (size_t x = tile; x < end; x++) block[x * LANES + (size_t)lane] = rows[(size_t)lane * row + x];
    }
}

static void horizontal(Picture out, Picture in, ResizeWeights w, Arena *arena)
{
    size_t row = picture_row(in), out_row = picture_row(out);
    unsigned char *block = arena_allocate(arena, row * LANES), sums[LANES];
    memset(block, 0, row * LANES);
    for (int y = 0; y < in.height; y += LANES) {
        int lanes = in.height - y < LANES ? in.height - y : LANES;
        transpose(block, in.pixels + (size_t)y * row, row, lanes);
        unsigned char *to = out.pixels + (size_t)y * out_row;
        for (size_t x = 0; x < out_row; x++) { /* of bytes, three a pixel */
            PixelWeights weights = weights_of(w, x / 3);
            const unsigned char *from = block + (3 * (size_t)w.first[x / 3] + x % 3) * LANES;
            weighted_sum(sums, from, 3 * LANES, weights, LANES);
            for (int lane = 0; lane < lanes; lane++) to[(size_t)lane * out_row + x] = sums[lane];
        }
    }
}

static Picture pass(Picture in, int width, int height, ResizeFlavour flavour, Arena *arena)
{
    if (width == in.width && height == in.height) return in;
    Picture out = picture_new(width, height, arena);
    ArenaMark mark = arena_mark(arena);
    if (width != in.width)
        horizontal(out, in, resize_weights(in.width, width, flavour, arena), arena);
    else
        vertical(out, in, resize_weights(in.height, height, flavour, arena));
    arena_release(arena, mark);
    return out;
}

/* Which pass is first is seen in the levels, as each of them rounds. Pillow 13 begins with the vertical one where that
 * takes more than twice as many rows away as the other takes columns. */
Picture resize(Picture picture, int width, int height, ResizeFlavour flavour, Arena *arena)
{
    int fewer_rows = picture.height - height, fewer_columns = picture.width - width;
    bool vertical_first = flavour == RESIZE_PIL && fewer_rows > 0 && fewer_rows > 2 * (int64_t)fewer_columns;
    picture = vertical_first ? pass(picture, picture.width, height, flavour, arena)
                             : pass(picture, width, picture.height, flavour, arena);
    return pass(picture, width, height, flavour, arena);
}
