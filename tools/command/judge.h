/* judge.h - one dump judged, as a command or from a program */
#ifndef PLUMB_JUDGE_H
#define PLUMB_JUDGE_H

#include "command/grade_arguments.h"
#include "command/shard_report.h"
#include "report/report_grade.h"

/* A judge prints text, and hands JSON back. */
typedef struct {
    Status status;
    json_t *json; /* NULL where none is wanted */
} Finding;

/* plumb_grade.c */
Finding grade_dump(GradeCommand *command, const Dump *dump, Error *error);
Finding diagnose_dump(GradeCommand *command, const Dump *dump, Error *error);

/* Judges the dump at path and writes the report that the command asks for; command->explains: a grade, and otherwise a
 * diagnosis. Frees what is in the command. NULL is no path: error says why there is none. */
Status judge_run(GradeCommand *command, const char *path, Error *error);

/* Reports what shards have found as plumb grade or plumb diagnose would, and gives the exit status. */
int merge_judged(const MergedShards *merged, const char *json, SandboxWhen sandbox);

#endif
