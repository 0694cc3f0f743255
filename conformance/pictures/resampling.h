/* resampling.h - pictures resized in real numbers, by one kernel or another
 *
 * An honest port may compute neither of Hugging Face's two resamplings in integers, but this one; a port with another
 * kernel has a bug, which is resampled here too.
 */
#ifndef PLUMB_RESAMPLING_H
#define PLUMB_RESAMPLING_H

#include <stdbool.h>

#include "image/picture.h"

typedef struct {
    int width, height;
    float *values; /* [height, width, 3]: levels, 0 .. 255 and where nothing cuts them also a little beyond */
} Levels;

typedef double Kernel(double distance);
double kernel_bicubic(double distance);       /* Keys, a = -1/2: Pillow's, and torch's where it antialiases */
double kernel_bicubic_sharp(double distance); /* a = -3/4: torch's where it does not, and OpenCV's */
double kernel_triangle(double distance);

typedef enum {
    FINISH_NONE,
    FINISH_CUT,
    FINISH_ROUNDED,
    FINISH_TRUNCATED
} Finish; /* all but the first cut to 0 .. 255 */

typedef struct {
    Kernel *kernel;
    int support;    /* the distance from which on the kernel is 0 */
    bool antialias; /* on the way down the kernel is as much wider as there are fewer pixels */
    bool corners;   /* pixel i is at i (old - 1) / new of the old line, not at (i + 1/2) old / new - 1/2 */
    Finish finish;
    bool cut_between; /* to 0 .. 255, between the two passes as well: of those that compute in bytes */
} Resampling;

Levels resample(Picture picture, int width, int height, const Resampling *how, Arena *arena);
Levels levels_of(Picture picture, Arena *arena);

#endif
