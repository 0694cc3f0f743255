/* report_known.h - what a report says of steps beyond what its text shows */
#ifndef PLUMB_REPORT_KNOWN_H
#define PLUMB_REPORT_KNOWN_H

#include <jansson.h>

#include "dump/dump.h"
#include "grade/grade.h"

/* Adds to each step of report (report_grade_json) its shape, samples, limits and what its tap is, and says of each tap
 * that was not graded why. dump NULL: what is not graded counts as missing. config: the model's config.json */
void report_add_known(json_t *report, const Grade *grade, const Dump *dump, const json_t *config);

#endif
