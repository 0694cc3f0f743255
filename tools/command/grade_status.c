/* grade_status.c - what a grade exits with */
#include "command/grade_status.h"

#include <stdio.h>
#include <string.h>

#include "report/report_grade.h"

static void look_strictly(const Grade *grade, char *failure, size_t size)
{
    int partial = grade_partial_steps(grade);
    if (grade->class != grade->declared)
        snprintf(failure, size, "found %s, which %s does not declare", grade->class->name, grade->declared->name);
    else if (partial > 0)
        snprintf(failure, size, "%d taps missing, %d names unknown, %d taps of fewer rows than were computed",
                 grade->not_graded_count, grade->unknown_count, partial);
    else if (grade->not_graded_count + grade->unknown_count > 0)
        snprintf(failure, size, "%d taps missing, %d names unknown", grade->not_graded_count, grade->unknown_count);
}

Status grade_status(const Grade *grade, ReportFile *report)
{
    if (grade->first_bent >= 0 || grade_far_end(grade)) return STATUS_FAIL;
    if (report->strict) look_strictly(grade, report->strict_failure, sizeof report->strict_failure);
    if (*report->strict_failure) return STATUS_FAIL;
    return strcmp(report_verdict(grade), "none") == 0 ? STATUS_NOTHING : STATUS_PASS;
}
