/* error.h - what the world can get wrong
 *
 * A file, JSON, a shape, a flag: one line that names the file, the tensor, what was found and what was expected.
 * The first error stays; later ones are dropped, so a loader is straight-line code that is checked once, at its end.
 * A mistake that only this code can make is an assert.
 */
#ifndef PLUMB_ERROR_H
#define PLUMB_ERROR_H

#include <stdbool.h>

typedef struct {
    char message[1024]; /* "" while nothing went wrong */
} Error;

void error_set(Error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool error_is_set(const Error *error);

#endif
