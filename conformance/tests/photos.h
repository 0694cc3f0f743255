/* photos.h - pictures like photographs, and dumps of what preprocessors make of them */
#ifndef PLUMB_PHOTOS_H
#define PLUMB_PHOTOS_H

#include "dump/dump.h"
#include "dumps.h"
#include "pictures.h"
#include "pictures/preprocessing.h"

/* Light and shade of every size, and edges; the same for the same size */
Picture photo(int width, int height);
Picture waves(int width, int height, double waviness); /* radians a pixel */

/* Pictures in memory, with Hugging Face's settings but for the budget. In scratch: not to be closed */
Pictures *pictures_in_memory(const Picture *list, int count, int max_soft_tokens);
#define one_photo(width, height, tokens) pictures_in_memory((Picture[]){ photo(width, height) }, 1, tokens)

Patches honest_patches(const Pictures *pictures, HonestPreprocessing way);

Array as_bf16(const Array *array); /* of float32 */

/* A dump of these alone; either may be NULL. lived in the test's folder, to be closed */
Dump *dump_of_patches(const Array *pixel_values, const Array *image_position_ids);

#endif
