/* scales.h - how far an honest backend is off: at a tap, in a row, a channel, an element
 *
 * A scale is the sum of squares by which the replays of a step deviate, on average. A few samples of a few elements can
 * be small by luck, so the deviations of a row, a channel or an element are pooled with those that the rest of the tap
 * lets us expect of it. And no scale is less than one rounding of the value, because a step that is exact in the replay
 * (a clamp, a copy) may be computed from unrounded intermediates elsewhere; nor less than one rounding of the partial
 * sums that the value may be added up from.
 */
#ifndef PLUMB_SCALES_H
#define PLUMB_SCALES_H

#include "noise/step_sums.h"

void scales_conclude(StepSums *sums, int64_t graded_rows); /* after the rows and columns have been added up */

double scale_of_tap(const StepSums *sums, const ArithmeticClass *class);
double scale_of_row(const StepSums *sums, const ArithmeticClass *class, int64_t row);
double scale_of_channel(const StepSums *sums, const ArithmeticClass *class, int64_t column);
double scale_of_element(const StepSums *sums, const ArithmeticClass *class, int64_t row, int64_t column,
                        double expected);

/* This leaves out the allowance for partial sums. It is right on average, and so it is the one to add up over many
 * elements. */
double noise_of_element(const StepSums *sums, const ArithmeticClass *class, int64_t row, int64_t column,
                        double expected);

#endif
