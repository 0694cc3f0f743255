/* dumped_patches.h - pixel_values and image_position_ids of a dump: what a backend's own preprocessing made
 *
 * They may be padded to another length, and a dimension of 1 may be missing.
 */
#ifndef PLUMB_DUMPED_PATCHES_H
#define PLUMB_DUMPED_PATCHES_H

#include "dump/dump.h"
#include "pictures/preprocessing.h"

typedef struct {
    const Array *pixel_values, *image_position_ids; /* as they lie in the dump; NULL: absent */
    int64_t pictures, width;                        /* width: of a patch */
    int64_t value_length, position_length;          /* patches of a picture, with padding */
    float *values;                                  /* [pictures, value_length, width]; NULL: of another layout */
    int64_t *positions;                             /* [pictures, position_length, 2]; NULL likewise */
    Arena arena;
} DumpedPatches;

/* only: globs or NULL, as in GradeOptions. error: a dtype that the array cannot have */
DumpedPatches dumped_patches_open(const Dump *dump, const Pictures *pictures, const char *const *only, Error *error);
void dumped_patches_close(DumpedPatches *found);

/* "pixel_values" and "image_position_ids" */
bool is_of_preprocessing(const char *name);

#endif
