/* picture.h - RGB levels in memory */
#ifndef PLUMB_PICTURE_H
#define PLUMB_PICTURE_H

#include <stddef.h>

#include "run/arena.h"

typedef struct {
    int width, height;
    unsigned char *pixels; /* [height, width, 3], 0 .. 255 */
} Picture;

static inline size_t picture_row(Picture p) { return 3 * (size_t)p.width; } /* in bytes */

Picture picture_new(int width, int height, Arena *arena);

#endif
