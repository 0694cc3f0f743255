/* step_reach.h - which of a dump's steps have a bug, by what they have in common */
#ifndef PLUMB_STEP_REACH_H
#define PLUMB_STEP_REACH_H

#include "diagnose/suspects.h"

/* Each step that would show the bug has it, or has it not: then "in layer 3 only", "in decode step 2 only" or "in
 * mlp.act_fn, not in act_fn" where layers, decode steps or sites tell them apart; "in 3 of 8 steps that would show it"
 * where nothing does. NULL: all have it, or some are neither. */
const char *step_reach(const Suspects *suspects, int place, Arena *arena);
/* The same of one of the list in a part of the model, or at another strength. One more pass. */
const char *step_reach_of_part(const Suspects *suspects, int place, const BugPart *part, Arena *arena);

#endif
