/* orientation.h - EXIF's orientation: how a picture that lies on its side is turned upright */
#ifndef PLUMB_ORIENTATION_H
#define PLUMB_ORIENTATION_H

#include <stdbool.h>

#include "image/picture.h"

/* 1 .. 8 from a TIFF header and its first directory; 1, upright, where it says nothing. false: no TIFF at all */
bool orientation_from_exif(const unsigned char *exif, size_t size, int *orientation);

Picture upright(Picture picture, int orientation, Arena *arena);

#endif
