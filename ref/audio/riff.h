/* riff.h - whether the chunks of a WAV file fill it exactly */
#ifndef PLUMB_RIFF_H
#define PLUMB_RIFF_H

#include <stddef.h>
#include <stdint.h>

#include "run/error.h"

/* Bytes of the data chunk. What is no RIFF, or says another length than it has, sets the error; `remedy` ends it. */
int64_t riff_data_size(const unsigned char *bytes, size_t size, const char *path, const char *remedy, Error *error);

/* Gives chunks that say nothing of the sound a name that readers pass over, in a file that riff_data_size took. Sizes
 * inside of lists are not checked, and libsndfile 1.2 believes them, up to gigabytes of nothing. */
void riff_hide_others(unsigned char *bytes, size_t size);

#endif
