/* grade_arguments.h - the arguments that grade and diagnose share */
#ifndef PLUMB_GRADE_ARGUMENTS_H
#define PLUMB_GRADE_ARGUMENTS_H

#include "command/plumb.h"
#include "command/progress.h"
#include "diagnose/tried.h"
#include "readings/value_grid.h"
#include "report/report_file.h"
#include "report/report_grade.h"
#include "run/sandbox.h"

typedef struct {
    Case c;
    const char *arguments[2];
    int argument_count;
    DumpNames names;
    const ArithmeticClass *class; /* that --as declares; NULL: that of the values */
    ValueGrid grid;               /* of the dump */
    Globs only, explained;
    Globs asked;   /* those of --only, without what --layers adds */
    bool explains; /* knows --explain */
    ShardNumber shard;
    const char *shard_argument; /* as it stands among the arguments */
    Grade *merged;              /* that shards have found; NULL: the dump is graded here */
    const Tried *tried;         /* what shards have found of bugs; NULL: each is tried here */
    const json_t *merged_files; /* that shards have seen; NULL: there are none */
    const json_t *merged_class; /* the name of that which they graded by; NULL likewise */
    const char *merged_into;    /* the path of the merged report, which the shards' command must have; NULL likewise */
    bool ignore_eos, detailed, partial;
    ReportFile report;
    int samples;
    SandboxWhen sandbox; /* the command's own process is; judge_run leaves its caller's alone */
    Progress progress;
    bool nothing_left; /* the judge found no step to grade */
    ReportTitle title;
    char *shown; /* lines of the report that are on the terminal already; NULL: none */
} GradeCommand;

const ArithmeticClass *command_class(const GradeCommand *command); /* that is declared, or that the values show */

/* Ends the program where they are bad. doc: what the command does */
void grade_arguments_parse(GradeCommand *command, int argc, char **argv, const char *doc);

#endif
