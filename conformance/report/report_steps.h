/* report_steps.h - the table of steps: a line each, no wider than a terminal
 *
 * Where it is narrow, names lose their beginning, which most of them share, and then numbers go: what is introduced and
 * honest, because their ratio stays; then all but the ratio. The JSON has them.
 */
#ifndef PLUMB_REPORT_STEPS_H
#define PLUMB_REPORT_STEPS_H

#include <stdio.h>

#include "grade/grade.h"

bool step_is_graded(const Step *step); /* false: it has rows of padding alone, and is neither straight nor bent */

/* columns: of the terminal; 0: as wide as it gets */
void report_steps_heads(FILE *out, const Grade *grade, int columns);
void report_step(FILE *out, const Grade *grade, int n, int columns);

#endif
