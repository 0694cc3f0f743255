/* factor_meaning.h - a constant factor in terms of the model's own numbers */
#ifndef PLUMB_FACTOR_MEANING_H
#define PLUMB_FACTOR_MEANING_H

#include <jansson.h>

#include "run/arena.h"

/* "1/sqrt(hidden_size)" of the part that the tap is of, or "1/sqrt(2)"; NULL: none of them is within half a percent.
 * config: config.json; NULL: constants alone */
const char *factor_meaning(double factor, const char *tap, const json_t *config, Arena *arena);

#endif
