/* report_misfits.h - arrays of other shapes, and grades that prove too little */
#ifndef PLUMB_REPORT_MISFITS_H
#define PLUMB_REPORT_MISFITS_H

#include <jansson.h>
#include <stdio.h>

#include "grade/grade.h"

void report_misfits(FILE *out, const Grade *grade);    /* a line each: found, expected, and what would fit */
void report_incomplete(FILE *out, const Grade *grade); /* in the place of the line that says that it passes */
json_t *misfits_json(const Grade *grade);              /* "misfits" and "incomplete" */

#endif
