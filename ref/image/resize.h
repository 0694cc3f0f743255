/* resize.h - antialiased bicubic resizing of 8-bit levels, as Pillow does it and as torch does it
 *
 *     Picture small = resize(picture, 912, 672, RESIZE_TORCHVISION, &arena);
 *
 * Both widen the bicubic kernel by the factor of reduction, and both compute in integers. They differ in the weights:
 * Pillow has 22 bits behind the point, torch as many as fit its largest weight into 16 bits. So results differ by up to
 * two levels.
 */
#ifndef PLUMB_RESIZE_H
#define PLUMB_RESIZE_H

#include "image/picture.h"

typedef enum { RESIZE_TORCHVISION, RESIZE_PIL } ResizeFlavour;

/* The picture itself where the size does not change. */
Picture resize(Picture picture, int width, int height, ResizeFlavour flavour, Arena *arena);

/* image/resize_weights.c: how each pixel of a line is made from those of a line of another length. */
typedef struct {
    int length;         /* of the new line */
    int most;           /* taps of a pixel, at most */
    int precision;      /* bits behind the point */
    int *first, *count; /* [length]: the old pixels that a new one is made from */
    int *weights;       /* [length, most] */
} ResizeWeights;

ResizeWeights resize_weights(int old_length, int length, ResizeFlavour flavour, Arena *arena);

#endif
