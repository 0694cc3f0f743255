/* report_known.h - what a report says of steps beyond what its text shows */
#ifndef PLUMB_REPORT_KNOWN_H
#define PLUMB_REPORT_KNOWN_H

#include <jansson.h>

#include "lockstep/lockstep.h"

/* Adds to each step of report (report_grade_json) its shape, samples, limits and the like, and says of each tap that
 * was not graded why. dump NULL: what is not graded counts as missing. */
void report_add_known(json_t *report, const Grade *grade, const Dump *dump);

/* For each step of the model, by the name of its tap: the ratio of each row and channel, null where a row is not
 * graded, and how many elements err by how much, in units of their own noise. */
json_t *report_detail_json(const Lockstep *lockstep);
void report_add_detail(json_t *report, json_t *detail); /* as "detail" of the steps; detail is taken over */

#endif
