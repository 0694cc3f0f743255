/* grade_status.h - the exit status that a grade ends in */
#ifndef PLUMB_GRADE_STATUS_H
#define PLUMB_GRADE_STATUS_H

#include "command/plumb.h"
#include "grade/grade.h"

Status grade_status(const Grade *grade, bool strict); /* prints what --strict finds, unless a step is bent */

#endif
