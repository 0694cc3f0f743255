/* diagnose_patches.h - which bug of preprocessing made a dump's pixel_values and image_position_ids
 *
 * Every bug is another preprocessing of the same pictures: of another size, by another kernel, with patches or
 * positions laid out otherwise. All of them are tried, one of each kind together where one alone does not make the bent
 * steps straight. The numbers are those of diagnose.h.
 */
#ifndef PLUMB_DIAGNOSE_PATCHES_H
#define PLUMB_DIAGNOSE_PATCHES_H

#include "diagnose/diagnose.h"
#include "inputs/patch_steps.h"

typedef struct {
    const Pictures *pictures;
    const DumpedPatches *found;
    const ArithmeticClass *class;
    const PatchGrade *honest; /* the grade of found, against honest way `way` (preprocessing.h) */
    HonestPreprocessing way;
} PatchTrial;

/* *explained becomes what the named bugs make of the pictures, in arena; it stays as it is if none is named. */
Diagnosis *diagnose_patches(const PatchTrial *trial, Patches *explained, Arena *arena);

#endif
