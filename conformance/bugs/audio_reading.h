/* audio_reading.h - the audio tower's attention mask as transformers before 5.20 took it in eager mode */
#ifndef PLUMB_AUDIO_READING_H
#define PLUMB_AUDIO_READING_H

#include "bugs/bug.h"

/* For buggy_model_set_mask_reading: a hook that writes the mask. Hugging Face computed so, so it is not in the
 * catalogue. */
extern const Bug audio_mask_before_5_20;

#endif
