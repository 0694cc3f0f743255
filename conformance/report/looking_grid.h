/* looking_grid.h - which keys each query looks at, by the dump and by the reference */
#ifndef PLUMB_LOOKING_GRID_H
#define PLUMB_LOOKING_GRID_H

#include <jansson.h>

#include "noise/step_sums.h"

/* A mask says who looks at whom, and so do attention's weights: a key that no head looks at has none. For each of the
 * batch a list of queries. A query is runs of keys, a letter and how many there are: "#12.3+" is twelve keys that both
 * look at, three that neither does, and one that the dump alone looks at; "-" is one that the reference alone does, " "
 * a query that is not graded. null for other taps, and where there are more than LOOKING_GRID_MOST queries or keys. */
json_t *looking_grid_json(const Step *step, const StepSums *sums);

enum { LOOKING_GRID_MOST = 1024 };

#endif
