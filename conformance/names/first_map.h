/* first_map.h - a map written for the user, from what is nearest to each array */
#ifndef PLUMB_FIRST_MAP_H
#define PLUMB_FIRST_MAP_H

#include <jansson.h>

#include "names/layout_advice.h"

/* Adds the entry for an array and its tap to a map: numbers that both have become "{}", so that the entries of all
 * layers are one. An entry that would say another thing than one that is there is written with its numbers. */
void first_map_add(json_t *map, const char *name, const char *tap, const LayoutAdvice *advice, Arena *arena);
/* The same for an array that holds several taps side by side, which "split": -1 takes apart */
void first_map_add_split(json_t *map, const char *name, const char *const *taps, int count, Arena *arena);

#endif
