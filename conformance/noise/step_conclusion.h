/* step_conclusion.h - a step's measurements and its verdict, from what its rows add up to */
#ifndef PLUMB_STEP_CONCLUSION_H
#define PLUMB_STEP_CONCLUSION_H

#include "noise/step_sums.h"

void step_sums_conclude(StepSums *sums, const ArithmeticClass *class, Step *step); /* fills in the step */

#endif
