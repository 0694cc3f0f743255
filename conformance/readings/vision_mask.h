/* vision_mask.h - two readings of who sees whom in an image of a gemma4_unified model
 *
 *              full layers             sliding layers
 *     hf       causal OR same block    (causal AND within the window) OR same block
 *     google   causal                  (causal OR same block) AND within the window
 *
 * The first is Hugging Face's forward pass, and what the reference computes. The second is google-deepmind/gemma's,
 * vLLM's, and that of Hugging Face's own gemma4; docs/masks.md has the evidence. A dump is graded by the one it
 * follows, and neither is a bug.
 */
#ifndef PLUMB_VISION_MASK_H
#define PLUMB_VISION_MASK_H

#include "bugs/vision_reading.h"
#include "readings/reading.h"

/* false if there is no reading of that name */
bool vision_mask_from_name(const char *name, VisionMask *mask);
extern const char vision_mask_names[]; /* "hf or google" */

/* Sets error where Google's reading is asked for, and the model has but one. */
void vision_mask_check(const Model *model, VisionMask mask, Error *error);

/* Whether the readings can differ at all: there is a token of an image or a video */
bool vision_mask_matters(const Trial *trial);

#endif
