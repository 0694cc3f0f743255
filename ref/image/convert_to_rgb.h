/* convert_to_rgb.h - samples as a PNG file holds them, to RGB levels as Hugging Face gets them through Pillow */
#ifndef PLUMB_CONVERT_TO_RGB_H
#define PLUMB_CONVERT_TO_RGB_H

#include <stdbool.h>
#include <stddef.h>

/* PNG's numbers for what a pixel is */
typedef enum { PNG_GRAY = 0, PNG_RGB = 2, PNG_INDEX = 3, PNG_GRAY_ALPHA = 4, PNG_RGB_ALPHA = 6 } PngColor;

/* Which of its two ways Hugging Face's image processor takes */
typedef enum {
    ALPHA_OVER_WHITE, /* it is given an opened picture: what is transparent is laid over white */
    ALPHA_DROPPED,    /* it is given the name of a file, and loads it with convert("RGB") */
} AlphaRule;

typedef struct {
    PngColor color;
    int depth; /* bits of a sample: 1, 2, 4, 8 or 16 */
    AlphaRule alpha;
    unsigned char palette[256][3];   /* PNG_INDEX; black behind the last entry */
    unsigned char transparency[256]; /* tRNS as it stands in the file */
    int transparency_length;         /* in bytes; -1 without */
    unsigned char levels[256][4];    /* of one sample a pixel: what it becomes, and 0 */
} PngFormat;

int png_channels(PngColor color); /* samples of a pixel */

void convert_to_rgb_begin(PngFormat *format); /* when all but levels is known */

/* A sample is one byte, right-aligned, or two with the higher first. */
void convert_to_rgb(const PngFormat *format, const unsigned char *samples, size_t pixels, unsigned char *rgb);

#endif
