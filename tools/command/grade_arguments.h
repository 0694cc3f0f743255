/* grade_arguments.h - the arguments that grade and diagnose share */
#ifndef PLUMB_GRADE_ARGUMENTS_H
#define PLUMB_GRADE_ARGUMENTS_H

#include "command/plumb.h"
#include "command/progress.h"
#include "readings/value_grid.h"
#include "report/report_file.h"

typedef struct {
    Case c;
    const char *arguments[2];
    int argument_count;
    const char *names;
    const ArithmeticClass *class; /* that --as declares; NULL: that of the values */
    ValueGrid grid;               /* of the dump */
    Globs only, explained;
    bool explains; /* knows --explain */
    bool ignore_eos, detailed;
    ReportFile report;
    int samples;
    Progress progress;
} GradeCommand;

/* Ends the program where they are bad. doc: what the command does */
void grade_arguments_parse(GradeCommand *command, int argc, char **argv, const char *doc);

#endif
