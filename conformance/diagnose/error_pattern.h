/* error_pattern.h - what an error that no known bug explains looks like: which rows, which channels, what kind */
#ifndef PLUMB_ERROR_PATTERN_H
#define PLUMB_ERROR_PATTERN_H

#include "lockstep/lockstep.h"

/* Describes the error of a bent step in words, which live in arena. config: config.json, for the meaning of a constant
 * factor; NULL: without */
const char *pattern_of(const Lockstep *base, int step, const Inputs *inputs, const json_t *config, Arena *arena);

#endif
