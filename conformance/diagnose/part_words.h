/* part_words.h - where a bug is, in words */
#ifndef PLUMB_PART_WORDS_H
#define PLUMB_PART_WORDS_H

#include "bugs/bug.h"

int layer_of_step(const char *tap); /* -1: it is of none */

/* "layer 3", "layers 0 and 2 to 5", of bits; noun in the singular */
const char *numbers_in_words(const char *noun, uint64_t numbers, Arena *arena);
const char *units_in_words(Unit unit, uint64_t units, Arena *arena); /* "picture 1", "clips 0, 1" */
const char *place_words(const BugPart *part, Arena *arena); /* "in layer 3", "in mlp.act_fn" */
/* "in layer 3 only", "in mlp.act_fn, not in act_fn". rest: of what shows that it does not have the bug */
const char *part_words(const BugPart *part, const BugPart *rest, Arena *arena);

#endif
