/* png_chunk.c - libpng passes over these faults with a warning; Pillow raises, so Hugging Face refuses the picture */
#include "image/png_chunk.h"

#include <string.h>

/* The shortest data with which Pillow is content */
static const struct {
    const char *name;
    size_t least;
} lengths[] = { { "gAMA", 4 }, { "cHRM", 32 }, { "sRGB", 1 }, { "pHYs", 9 }, { "acTL", 8 }, { "fcTL", 26 } };

const unsigned char png_chunk_names[] = "gAMA\0cHRM\0sRGB\0pHYs\0acTL\0fcTL\0iCCP\0zTXt";

static unsigned number(const unsigned char *data)
{
    return (unsigned)data[0] << 24 | (unsigned)data[1] << 16 | (unsigned)data[2] << 8 | data[3];
}

/* A name, a 0, and how what follows is compressed. A text may end behind its name, a color profile may not. */
static const char *compression_fault(const unsigned char *data, size_t size, size_t least)
{
    const unsigned char *end = memchr(data, 0, size);
    size_t rest = end ? (size_t)(data + size - end) - 1 : 0;
    if (rest < least) return "is too short";
    return rest > 0 && end[1] != 0 ? "has an unknown compression method" : NULL;
}

/* The first frame of an animation is the picture where fcTL stands before the image data; Pillow would draw a smaller
 * one onto black. */
static const char *frame_fault(const unsigned char *data, unsigned width, unsigned height)
{
    if (number(data) != 0) return "begins an animation with a later frame";
    if (number(data + 4) != width || number(data + 8) != height || number(data + 12) != 0 || number(data + 16) != 0)
        return "begins an animation with a frame that is not the whole picture";
    return NULL;
}

const char *png_chunk_fault(const char *name, const unsigned char *data, size_t size, unsigned width, unsigned height)
{
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        if (strcmp(name, lengths[i].name) == 0 && size < lengths[i].least) return "is too short";
    if (strcmp(name, "iCCP") == 0) return compression_fault(data, size, 1);
    if (strcmp(name, "zTXt") == 0) return compression_fault(data, size, 0);
    if (strcmp(name, "fcTL") == 0) return frame_fault(data, width, height);
    return NULL;
}
