/* json_load.h - JSON that strangers wrote: a regular file, one object, no key twice, not too large and not too deep */
#ifndef PLUMB_JSON_LOAD_H
#define PLUMB_JSON_LOAD_H

#include <jansson.h>
#include <stddef.h>

#include "run/error.h"

/* The object in the file at path, or NULL with error set; "expected" ends each message: "a map of names". */
json_t *json_load_object(const char *path, const char *expected, Error *error);
/* The same of `size` bytes, where what stands first in each message: "PATH: header" */
json_t *json_parse_object(const char *bytes, size_t size, const char *what, const char *expected, Error *error);

#endif
