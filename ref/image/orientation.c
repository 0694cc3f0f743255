/* orientation.c - reads the one EXIF tag that moves pixels, and does what it says (Pillow: ImageOps.exif_transpose) */
#include "image/orientation.h"

#include <stdint.h>
#include <string.h>

enum { ORIENTATION = 0x0112, SHORT = 3, LONG = 4, ENTRY = 12 };

typedef struct {
    const unsigned char *bytes;
    size_t size;
    bool little; /* "II": the lower byte first */
} Tiff;

/* 0 where the file ends before */
static uint32_t number(Tiff t, size_t at, int bytes)
{
    uint32_t value = 0;
    if (at > t.size || t.size - at < (size_t)bytes) return 0;
    for (int i = 0; i < bytes; i++) value = value << 8 | t.bytes[at + (size_t)(t.little ? bytes - 1 - i : i)];
    return value;
}

bool orientation_from_exif(const unsigned char *exif, size_t size, int *orientation)
{
    Tiff t = { exif, size, size >= 2 && exif[0] == 'I' };
    *orientation = 1;
    if (size < 8 || (memcmp(exif, "II\x2a\0", 4) != 0 && memcmp(exif, "MM\0\x2a", 4) != 0)) return false;
    size_t directory = number(t, 4, 4), entries = number(t, directory, 2);
    for (size_t i = 0; i < entries; i++) {
        size_t at = directory + 2 + i * ENTRY;
        uint32_t type = number(t, at + 2, 2), count = number(t, at + 4, 4);
        if (number(t, at, 2) != ORIENTATION || count != 1) continue;
        int bytes = type == SHORT ? 2 : type == LONG ? 4 : 0;
        uint32_t value = bytes ? number(t, at + 8, bytes) : 0;
        *orientation = value >= 1 && value <= 8 ? (int)value : 1;
    }
    return true;
}

/* From 5 on, rows become columns. */
Picture upright(Picture in, int orientation, Arena *arena)
{
    if (orientation == 1) return in;
    bool transposed = orientation >= 5;
    bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    bool from_bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    Picture out = picture_new(transposed ? in.height : in.width, transposed ? in.width : in.height, arena);
    unsigned char *to = out.pixels;
    for (int y = 0; y < out.height; y++)
        for (int x = 0; x < out.width; x++, to += 3) {
            int in_x = transposed ? y : x, in_y = transposed ? x : y;
            if (from_right) in_x = in.width - 1 - in_x;
            if (from_bottom) in_y = in.height - 1 - in_y;
            memcpy(to, in.pixels + 3 * ((size_t)in_y * (size_t)in.width + (size_t)in_x), 3);
        }
    return out;
}
