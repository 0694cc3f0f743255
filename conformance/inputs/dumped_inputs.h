/* dumped_inputs.h - a dump that begins before the model: with pixel_values and image_position_ids, or with
 * input_features and input_features_mask
 *
 *     DumpedInputs *judged = dumped_inputs_open(pictures, clips, dump, class, NULL, &error);
 *     Grade *grade = NULL;
 *     if (dumped_inputs_give(judged, model, dump, &inputs, &given))
 *         grade = lockstep_grade(model, &given, dump, class, &options, &error);
 *     grade = dumped_inputs_grade(judged, dump, grade);
 *
 * They are graded as the first steps. Then the model is graded on them: they take the place of the reference's own, as
 * every value of the dump does in lockstep.
 */
#ifndef PLUMB_DUMPED_INPUTS_H
#define PLUMB_DUMPED_INPUTS_H

#include "diagnose/diagnose.h"
#include "pictures/preprocessing.h"
#include "sounds/clips.h"

typedef struct DumpedInputs DumpedInputs;

/* NULL without error: the dump holds nothing that is judged, or `only` names none of it. pictures, clips: NULL where
 * nobody says which they are; then what is made of them is not judged. */
DumpedInputs *dumped_inputs_open(const Pictures *pictures, const Clips *clips, const Dump *dump,
                                 const ArithmeticClass *class, const char *const *only, Error *error);
void dumped_inputs_close(DumpedInputs *judged); /* NULL is fine */

/* In all of these judged may be NULL: then nothing is graded before the model. */

/* The model is graded on the inputs, as made of the files by the reference, with the dump's own in their place.
 * given lives as long as judged. false: the model cannot be given them, or the dump holds nothing behind them */
bool dumped_inputs_give(DumpedInputs *judged, const Model *model, const Dump *dump, const Inputs *inputs,
                        Inputs *given);
/* of_model with the steps before the model in front; NULL: these alone */
Grade *dumped_inputs_grade(const DumpedInputs *judged, const Dump *dump, Grade *of_model);
/* As diagnose, of both */
Diagnosis *diagnose_with_inputs(DumpedInputs *judged, const Trial *trial, Grade **grade, Error *error);

/* Names of what goes into the model and is not judged unless it is made of pictures or clips that are known */
bool is_other_input(const char *name);

#endif
