/* conversion_mapping.h - tensors that have another name in a checkpoint than in Hugging Face's model
 *
 * transformers renames them on the way in, and back where save_pretrained is not told otherwise
 * (save_original_format): both names are met.
 */
#ifndef PLUMB_CONVERSION_MAPPING_H
#define PLUMB_CONVERSION_MAPPING_H

#include "run/arena.h"

/* The name in the checkpoint of the model's tensor `name`; NULL where it has no other */
const char *source_name(const char *name, Arena *arena);

#endif
