/* convert_to_rgb.c - what Image.convert("RGB") and Hugging Face's convert_to_rgb make of each kind of PNG
 *
 *   1, 2, 4, 8 bits   spread over 0 .. 255
 *   16 bits of gray   cut to 255: Pillow's mode I;16 has no idea of white. All but the darkest 256 levels become white
 *   16 bits, others   the higher byte
 *   alpha             laid over white, or dropped
 *   tRNS              one color that is transparent, or alpha by palette entry; dropped with alpha
 *
 * Pillow compares the one color with 8-bit levels and by its lower byte, whatever the depth: at 2, 4 and 16 bits that
 * is mostly no color of the picture. Hugging Face's pixels are made so, and so are these.
 */
#include "image/convert_to_rgb.h"

#include <string.h>

int png_channels(PngColor color)
{
    switch (color) {
    case PNG_RGB: return 3;
    case PNG_GRAY_ALPHA: return 2;
    case PNG_RGB_ALPHA: return 4;
    default: return 1;
    }
}

/* Pillow's alpha_composite over opaque white: a division by 255 through shifts, with 7 more bits. */
static unsigned char over_white(int level, int alpha)
{
    unsigned sum = (unsigned)(level * alpha + 255 * (255 - alpha) + 128) << 7;
    return (unsigned char)((sum + (sum >> 8)) >> 15);
}

static void lay_over_white(unsigned char *rgb, const unsigned char *color, int alpha)
{
    for (int c = 0; c < 3; c++) rgb[c] = over_white(color[c], alpha);
}

/* tRNS of a palette. Pillow keeps a list of 255s with one 0 as the number of the 0; it looks for the end of such a list
 * with a regular expression, for which a last byte of '\n' is the end too, and so that alpha of 10 counts as 255. */
static void read_palette_alpha(const PngFormat *format, int alpha[256])
{
    const unsigned char *list = format->transparency;
    int length = format->transparency_length, zeros = 0, others = 0;
    for (int i = 0; i < 256; i++) alpha[i] = i < length ? list[i] : 255;
    for (int i = 0; i < length - 1; i++) {
        zeros += list[i] == 0;
        others += list[i] != 0 && list[i] != 255;
    }
    if (length > 0 && list[length - 1] == '\n' && zeros == 1 && others == 0) alpha[length - 1] = 255;
}

/* The color of tRNS: its channel c, of which Pillow uses the lower byte; -1 without tRNS */
static int transparent_level(const PngFormat *format, int c)
{
    int length = format->color == PNG_RGB ? 6 : 2;
    if (format->alpha == ALPHA_DROPPED || format->transparency_length < length) return -1;
    int level = format->transparency[2 * c + 1];
    if (format->depth == 1) return level || format->transparency[2 * c] ? 255 : 0;
    return level;
}

void convert_to_rgb_begin(PngFormat *format)
{
    int alpha[256], most = format->depth < 8 ? (1 << format->depth) - 1 : 255,
                    transparent = transparent_level(format, 0);
    read_palette_alpha(format, alpha);
    for (int i = 0; i < 256; i++) {
        unsigned char *to = format->levels[i];
        if (format->color == PNG_INDEX) {
            memcpy(to, format->palette[i], 3);
            if (format->alpha == ALPHA_OVER_WHITE) lay_over_white(to, format->palette[i], alpha[i]);
        } else {
            int level = i * (255 / most);
            memset(to, level == transparent ? 255 : level, 3);
        }
    }
}

static void convert_rgb(const PngFormat *format, const unsigned char *samples, size_t pixels, unsigned char *rgb)
{
    int step = format->depth / 8, r = transparent_level(format, 0), g = transparent_level(format, 1),
        b = transparent_level(format, 2);
    if (step == 1 && r < 0) { /* most pictures, and nothing to do */
        memcpy(rgb, samples, 3 * pixels);
        return;
    }
    for (size_t i = 0; i < pixels; i++, samples += 3 * step, rgb += 3) {
        for (int c = 0; c < 3; c++) rgb[c] = samples[c * step];
        if (rgb[0] == r && rgb[1] == g && rgb[2] == b) memset(rgb, 255, 3);
    }
}

static void convert_alpha(const PngFormat *format, const unsigned char *samples, size_t pixels, unsigned char *rgb)
{
    int step = format->depth / 8, colors = png_channels(format->color) - 1;
    for (size_t i = 0; i < pixels; i++, samples += (colors + 1) * step, rgb += 3) {
        for (int c = 0; c < 3; c++) rgb[c] = samples[colors == 3 ? c * step : 0];
        if (format->alpha == ALPHA_OVER_WHITE) lay_over_white(rgb, rgb, samples[colors * step]);
    }
}

/* Four bytes at a time are faster to copy than three; the next pixel overwrites the fourth. */
static void convert_one_sample(const PngFormat *format, const unsigned char *samples, size_t pixels, unsigned char *rgb)
{
    for (size_t i = 0; i < pixels; i++, rgb += 3) {
        int level = format->depth < 16 ? samples[i] : samples[2 * i] ? 255 : samples[2 * i + 1];
        memcpy(rgb, format->levels[level], i + 1 < pixels ? 4 : 3);
    }
}

void convert_to_rgb(const PngFormat *format, const unsigned char *samples, size_t pixels, unsigned char *rgb)
{
    switch (format->color) {
    case PNG_RGB: convert_rgb(format, samples, pixels, rgb); break;
    case PNG_GRAY_ALPHA:
    case PNG_RGB_ALPHA: convert_alpha(format, samples, pixels, rgb); break;
    default: convert_one_sample(format, samples, pixels, rgb); break;
    }
}
