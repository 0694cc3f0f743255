/* value_grid.h - the dtype that a dump's values have, in whichever dtype they are stored
 *
 * Many tools widen what they dump: a bf16 backend's values stored as float32 are still bfloat16 numbers.
 */
#ifndef PLUMB_VALUE_GRID_H
#define PLUMB_VALUE_GRID_H

#include <stdio.h>

#include "dump/dump.h"
#include "grade/grade.h"

typedef struct {
    const ArithmeticClass
        *class;       /* bf16 or fp16 where at least half of the arrays that tell lie on that grid; else fp32 */
    int arrays;       /* that tell: of floats, not empty, and not exact in every dtype, as masks are */
    int on_grid;      /* of these, arrays whose values are numbers of that dtype */
    int stored_wider; /* of these, arrays whose dtype holds more */
    bool of_graded;   /* nothing else was looked at */
} ValueGrid;

ValueGrid value_grid_of(const Dump *dump); /* looks at the first values of each array */
/* Makes of it the grid of the arrays that were graded: names that are no taps, and taps that were left out, tell
 * nothing. Returns whether its class is another now, so that the dump is to be graded again; once asked, never more. */
bool value_grid_misled(ValueGrid *grid, const Dump *dump, const Grade *grade);
void value_grid_text(FILE *out, const ValueGrid *grid); /* a line where values are stored wider, or nothing */

#endif
