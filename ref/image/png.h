/* png.h - a PNG file as RGB levels, the ones that Hugging Face's image processor begins with
 *
 *     Picture picture = picture_load_png("a.png", (PngOptions){ 0 }, &arena, &error);
 *
 * Every color type, depth and interlacing. What is not a whole PNG is refused, also where Pillow would make do with it:
 * bad checksums and a missing end. gAMA, iCCP and other color spaces change nothing, as in Pillow.
 */
#ifndef PLUMB_PNG_H
#define PLUMB_PNG_H

#include <stdint.h>
#include <stdio.h>

#include "image/convert_to_rgb.h"
#include "image/picture.h"
#include "run/error.h"

/* Pillow refuses more pixels than this as a decompression bomb: twice its MAX_IMAGE_PIXELS. */
#define PNG_MAX_PIXELS ((int64_t)2 * (1024 * 1024 * 1024 / 4 / 3))

typedef struct {
    AlphaRule alpha;    /* ALPHA_DROPPED also turns the picture upright, if its eXIf chunk says that it is not */
    int64_t max_pixels; /* 0: PNG_MAX_PIXELS */
} PngOptions;

Picture picture_load_png(const char *path, PngOptions options, Arena *arena,
                         Error *error); /* no pixels, and error set */
Picture picture_decode_png(FILE *file, const char *path, PngOptions options, Arena *arena, Error *error);

#endif
