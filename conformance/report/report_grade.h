/* report_grade.h - a grade as text and as JSON */
#ifndef PLUMB_REPORT_GRADE_H
#define PLUMB_REPORT_GRADE_H

#include <jansson.h>
#include <stdio.h>

#include "checkpoint/array.h"
#include "grade/grade.h"
#include "report/place.h"
#include "run/error.h"

typedef struct {
    const char *case_name, *dump_name;
    int columns; /* of the terminal that the table is for; 0: it is as wide as it gets */
} ReportTitle;

void report_readings(FILE *out, const Grade *grade); /* a line for each reading that the dump follows */
/* " with gelu-table-f16 (8 steps)": features that the dump shows and its backend did not declare; or nothing */
void report_features(FILE *out, const Grade *grade);
void report_heads(FILE *out, const Grade *grade, ReportTitle title); /* the text's lines before its steps */
void report_text(FILE *out, const Grade *grade, ReportTitle title);
/* Written under a temporary name and renamed; "-" is stdout. */
void report_json(const char *path, const Grade *grade, ReportTitle title, Error *error);
json_t *report_grade_json(const Grade *grade, ReportTitle title);

/* "pass", "fail", or "none" when no row of any step could be graded */
const char *report_verdict(const Grade *grade);

#endif
