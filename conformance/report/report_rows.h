/* report_rows.h - how many rows a grade rests on: taps that are held in part, limits that few rows widen */
#ifndef PLUMB_REPORT_ROWS_H
#define PLUMB_REPORT_ROWS_H

#include <jansson.h>
#include <stdio.h>

#include "grade/grade.h"

void report_rows_of_step(FILE *out, const Step *step);   /* "  2 of 24 rows", or nothing */
void report_rows_of_dump(FILE *out, const Grade *grade); /* ", 4 of them in part (fewest: 2 of 24 rows)", or nothing */
void report_few_rows(FILE *out, const Grade *grade);     /* a line where limits are wider, or nothing */
/* tap_rows, ratio_limit and worst_channel_limit: the latter two as few rows widen them */
json_t *rows_json(const Step *step, const ArithmeticClass *class);

#endif
