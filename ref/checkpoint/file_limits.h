/* file_limits.h - how much a file of strangers may ask for
 *
 * A small file can ask for much memory, or time: an archive that unpacks to a thousand times its size, JSON, each
 * number of which costs more than its digits, or an array called logits@100000. What is above a limit is refused in one
 * line that names the option to raise it.
 */
#ifndef PLUMB_FILE_LIMITS_H
#define PLUMB_FILE_LIMITS_H

#include <stdint.h>

typedef struct {
    int64_t json_bytes; /* of a JSON file, and of the header of a safetensors file */
    int64_t json_depth; /* of brackets in brackets */
    int64_t arrays;     /* in a dump */
    int64_t expansion;  /* an archive may unpack to so many times its size, or to unpacked_freely if that is more */
    int64_t steps;      /* decode steps that a dump asks for and has no array of: each costs passes of the model */
} FileLimits;

extern FileLimits file_limits; /* of the whole program; the command sets them once, before it opens a file */

enum { UNPACKED_FREELY = 1 << 28, DEEPEST_JSON = 2048 /* jansson's own limit */ };

#endif
