/* png_chunk.h - what is wrong with a chunk that changes no pixel, and that Pillow refuses all the same */
#ifndef PLUMB_PNG_CHUNK_H
#define PLUMB_PNG_CHUNK_H

#include <stddef.h>

/* The names of the chunks that png_chunk_fault knows, one after another, each ending in a 0 */
extern const unsigned char png_chunk_names[];
enum { PNG_CHUNK_NAMES = 8 };

/* NULL where nothing is wrong. width and height are the picture's. */
const char *png_chunk_fault(const char *name, const unsigned char *data, size_t size, unsigned width, unsigned height);

#endif
