/* grade_status.c - what a grade exits with */
#include "command/grade_status.h"

#include <stdio.h>
#include <string.h>

#include "report/report_grade.h"

Status grade_status(const Grade *grade, bool strict)
{
    if (grade->first_bent >= 0) return STATUS_FAIL;
    if (strict && grade->class != grade->declared) {
        printf("FAIL  --strict: found %s, which %s does not declare\n", grade->class->name, grade->declared->name);
        return STATUS_FAIL;
    }
    int partial = grade_partial_steps(grade);
    if (strict && grade->not_graded_count + grade->unknown_count + partial > 0) {
        printf("FAIL  --strict: %d taps missing, %d names unknown", grade->not_graded_count, grade->unknown_count);
        if (partial > 0) printf(", %d taps of fewer rows than were computed", partial);
        putchar('\n');
        return STATUS_FAIL;
    }
    return strcmp(report_verdict(grade), "none") == 0 ? STATUS_NOTHING : STATUS_PASS;
}
