/* ends.h - how far a dump has come from the reference's own pass by the end of each part
 *
 * Lockstep bounds the error that each step adds. Errors that are each below their gates may still point one way, and
 * then they add up to far more than honest ones, which do not. So the class's replays run once more with nothing
 * replaced, and the dump's error in all is measured in units of theirs: behind the tower, the projector, each tenth
 * layer, at the logits, and at the last tap of each part. Choices are those of the lockstep in every pass: a replay
 * that takes another expert or token is on another path, and would say nothing of this one.
 *
 * These replays round to nearest, as backends do, and at random only what is near a tie. In lockstep, where a step is
 * short, rounding at random errs by the root of 2 times as much as rounding to nearest, and is halved. At the end of a
 * deep narrow model errors of a tenth or more of a value no longer grow with the roundings that they came from:
 * measured, 1.0 to 1.2 times as much. Halved they would be too small a unit.
 */
#ifndef PLUMB_ENDS_H
#define PLUMB_ENDS_H

#include "lockstep/lockstep.h"

/* The first of FREE_REPLAYS rounds to nearest. Where a straight dump is too far off, more are run before it fails. */
enum { MANY_FREE_REPLAYS = 64 };

void ends_measure(Lockstep *lockstep);            /* the grade so far has them afterwards */
bool ends_is_one(const Grade *grade, int step); /* whether a part ends with the step, by names and rows alone */

#endif
