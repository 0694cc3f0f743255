/* report_ends.h - what a dump is off by in all, as text and as JSON */
#ifndef PLUMB_REPORT_ENDS_H
#define PLUMB_REPORT_ENDS_H

#include <jansson.h>
#include <stdio.h>

#include "grade/grade.h"

/* A table, a line for each end; nothing without any. columns: of the terminal; 0: as wide as it gets */
void report_ends(FILE *out, const Grade *grade, int columns);
void report_far_end(FILE *out, const Grade *grade); /* which end fails, where and by how much, in its last line */
json_t *ends_json(const Grade *grade);              /* an object whose keys come into the report */

#endif
