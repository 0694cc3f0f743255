/* case_pictures.h - the PNG files that a case is made from
 *
 * case.json names them, beside the file: "images": ["a.png", ..], and how they were processed where that is not as
 * Hugging Face does by itself: "max_soft_tokens": 70, "load": "path".
 */
#ifndef PLUMB_CASE_PICTURES_H
#define PLUMB_CASE_PICTURES_H

#include "inputs.h"
#include "pictures/preprocessing.h"

/* NULL without error: the folder has no case.json, or it names no images. inputs: of the case, which must have as many
 * pictures */
Pictures *case_pictures_open(const char *folder, const char *model_folder, const Inputs *inputs, Error *error);

#endif
