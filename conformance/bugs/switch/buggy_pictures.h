/* buggy_pictures.h - pictures as a port with bugs of preprocessing makes them */
#ifndef PLUMB_BUGGY_PICTURES_H
#define PLUMB_BUGGY_PICTURES_H

#include "bugs/bug.h"

/* Where ports have a bug in several ways, the first is taken. Two bugs of size, or two of resampling, are refused, and
 * so is a bug of the model. Lives in arena. */
Patches preprocess_with_bugs(const Pictures *pictures, const Bug *const *bugs, int count, Arena *arena, Error *error);

#endif
