/* decode_steps.h - what a dump says about the generation that it is of */
#ifndef PLUMB_DECODE_STEPS_H
#define PLUMB_DECODE_STEPS_H

#include "dump/dump.h"
#include "reference.h"

/* Pass.max_new_tokens for the decode steps that the dump has taps of: one more than the last step, because the prefill
 * gives the first token. 0: the dump is of one forward pass. */
int decode_steps_new_tokens(const Dump *dump);
/* The same where no name need be a tap's: "theirs.logits@2" is of step 2. */
int decode_steps_named_tokens(const Dump *dump);
int decode_steps_last_step(const Dump *dump); /* whose taps the dump has, tokens apart; 0 */

/* Pass.logits_to_keep: 1 if the dump's logits are of the last position of each row only; 0: all positions */
int decode_steps_logits_to_keep(const Dump *dump, const Inputs *inputs);

/* An error where a dump asks for many decode steps that it has no array of: a small file is no reason for a long
 * run. */
void decode_steps_check_count(const Dump *dump, Error *error);
/* The same of names that arrays will have; false with error set */
bool decode_steps_are_held(const char *const *names, int count, const char *file, Error *error);

/* The case's generation ended at decode step `reached`. A dump with taps of later steps is an error. */
void decode_steps_check_end(const Dump *dump, const Inputs *inputs, int reached, Error *error);

/* Tokens and experts are followed, so each must be one. */
void decode_steps_check_choices(const Dump *dump, const Model *model, Error *error);

#endif
