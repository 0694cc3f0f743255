/* grade_status.h - the exit status that a grade ends in */
#ifndef PLUMB_GRADE_STATUS_H
#define PLUMB_GRADE_STATUS_H

#include "command/plumb.h"
#include "grade/grade.h"
#include "report/report_file.h"

/* Fills in the report's strict_failure, unless a step is bent. */
Status grade_status(const Grade *grade, ReportFile *report);

#endif
