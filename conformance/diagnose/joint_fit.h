/* joint_fit.h - several bugs in one step, by least squares over what each of them changes there
 *
 * Two bugs together do not change quite the sum of what each changes alone. So a fit only proposes bugs, and a grade
 * says whether the step is straight with all of them.
 */
#ifndef PLUMB_JOINT_FIT_H
#define PLUMB_JOINT_FIT_H

#include "diagnose/suspects.h"

enum { MOST_TOGETHER = 4 };

/* Places in suspects' list: each next one is what takes most off the squares that those before it leave. All have a
 * coefficient near 1, fitted together. Costs a pass for each suspect that stands out in the step, twelve at most.
 * Returns how many there are; fewer than two are none. */
int joint_fit(const Suspects *suspects, int step, int together[MOST_TOGETHER]);

#endif
