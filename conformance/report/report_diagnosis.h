/* report_diagnosis.h - a diagnosis as text and as JSON */
#ifndef PLUMB_REPORT_DIAGNOSIS_H
#define PLUMB_REPORT_DIAGNOSIS_H

#include <stdio.h>

#include "diagnose/diagnose.h"
#include "report/report_grade.h"

void report_diagnosis_text(FILE *out, const Diagnosis *diagnosis, const Grade *grade, ReportTitle title);
json_t *report_diagnosis_json(const Diagnosis *diagnosis, const Grade *grade); /* what it adds to the grade's JSON */

#endif
