/* profile.h - which features of arithmetic a bent dump shows
 *
 * A feature (grade/features.h) widens the noise of the steps that have it. A backend that has it errs there as a replay
 * with it does: neither more, which a bug may, nor less, which a bug elsewhere does when the noise is widened until it
 * fits.
 */
#ifndef PLUMB_PROFILE_H
#define PLUMB_PROFILE_H

#include "lockstep/lockstep.h"

typedef struct {
    unsigned features; /* of Feature */
    int steps;         /* bent steps that err as they should with one of them */
} Profile;

/* Features that each make a bent step err as it should, and no straight step less than it should. Each that can
 * matter costs a pass of the float build. A straight step whose ratio is above stands_out counts as a bent one. */
Profile profile_of(Lockstep *lockstep, const Trial *trial, double stands_out);

#endif
