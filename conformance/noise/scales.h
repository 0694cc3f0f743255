/* scales.h - how far an honest backend is off: at a tap, in a row, a channel, an element
 *
 * Sums of squares that the replays of a step deviate by, on average. Few samples of few elements can be small by luck,
 * so what a row, a channel or an element shows itself is pooled with what the rest of the tap lets expect of it. And no
 * scale is less than one rounding: of the value, because a step that is exact in the replay (a clamp, a copy) may be
 * computed from unrounded intermediates elsewhere; and of what it is a sum of, because partial sums may be rounded too.
 */
#ifndef PLUMB_SCALES_H
#define PLUMB_SCALES_H

#include "noise/step_sums.h"

void scales_conclude(StepSums *sums, int64_t graded_rows); /* when rows and columns are added up */

double scale_of_tap(const StepSums *sums, const ArithmeticClass *class);
double scale_of_row(const StepSums *sums, const ArithmeticClass *class, int64_t row);
double scale_of_channel(const StepSums *sums, const ArithmeticClass *class, int64_t column);
double scale_of_element(const StepSums *sums, const ArithmeticClass *class, int64_t row, int64_t column,
                        double expected);

/* Without the allowance for partial sums, and neither over nor under on average: for sums over many elements. */
double noise_of_element(const StepSums *sums, const ArithmeticClass *class, int64_t row, int64_t column,
                        double expected);

#endif
