/* dumped_sounds.h - a dump that begins before the audio tower: with input_features and input_features_mask
 *
 * One half of dumped_inputs.h, which has the other for pictures.
 */
#ifndef PLUMB_DUMPED_SOUNDS_H
#define PLUMB_DUMPED_SOUNDS_H

#include "diagnose/diagnose.h"
#include "inputs/feature_steps.h"

typedef struct DumpedSounds DumpedSounds;

/* NULL without error: the dump holds neither, or `only` names neither. clips may be NULL: then nothing is judged. */
DumpedSounds *dumped_sounds_open(const Clips *clips, const Dump *dump, const ArithmeticClass *class,
                                 const char *const *only, Error *error);
void dumped_sounds_close(DumpedSounds *judged); /* NULL is fine */

const FeatureGrade *dumped_sounds_grade(const DumpedSounds *judged);
/* Names its bugs; what the dump leaves out is from then on taken from what they make. */
Diagnosis *dumped_sounds_diagnose(DumpedSounds *judged);
/* The dump's features in the place of the reference's; or the error, which says why the model cannot be given them */
void dumped_sounds_give(DumpedSounds *judged, Inputs *inputs, Error *error);

#endif
