/* report_detail.h - what a report says on request of each row, channel and element, and of who looks at whom */
#ifndef PLUMB_REPORT_DETAIL_H
#define PLUMB_REPORT_DETAIL_H

#include <jansson.h>

#include "lockstep/lockstep.h"

/* For each step of the model, by the name of its tap: the ratio of each row and channel, null where a row is not
 * graded; how many elements err by how much, in units of their own noise, and how many an honest replay's do, which
 * takes a pass more; and of masks and attention's weights which keys each query looks at. */
json_t *report_detail_json(Lockstep *lockstep);
void report_add_detail(json_t *report, json_t *detail); /* as "detail" of the steps; detail is taken over */

#endif
