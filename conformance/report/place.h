/* place.h - where in a tap something is, as text and as JSON */
#ifndef PLUMB_PLACE_H
#define PLUMB_PLACE_H

#include <jansson.h>

#include "grade/grade.h"

/* The place of a flat index among the dimensions before `dimensions`: "[0, 71]" */
const char *place_text(char *text, size_t size, const Step *step, int dimensions, int64_t index);
json_t *place_json(const Step *step, int dimensions, int64_t index); /* null where index is negative */

#endif
