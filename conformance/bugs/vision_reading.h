/* vision_reading.h - Google's reading of who sees whom in an image of a gemma4_unified model */
#ifndef PLUMB_VISION_READING_H
#define PLUMB_VISION_READING_H

#include "bugs/bug.h"

/* For buggy_model_set_mask_reading: a hook that writes the masks. It is right, so it is not in the catalogue. */
extern const Bug google_vision_mask;

#endif
