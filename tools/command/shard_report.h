/* shard_report.h - reports of shards of one grade, and the grade that they make
 *
 * A shard's report is one of plumb grade with "kind": "grade shard". It has the command of the whole grade besides, so
 * that plumb merge needs nothing but the reports.
 */
#ifndef PLUMB_SHARD_REPORT_H
#define PLUMB_SHARD_REPORT_H

#include "command/grade_arguments.h"

json_t *shard_report_json(const GradeCommand *command, json_t *shard); /* the report's body; shard is taken over */
/* A shard alone says nothing of the dump but whether what it has seen is straight. */
void shard_report_text(const GradeCommand *command, const Grade *grade, const json_t *shard);

/* Whether the file is of a shard of a grade, as far as anybody can tell */
bool shard_report_is(const char *path);

/* Shards say this together. */
typedef struct {
    char **words;  /* "plumb grade", CASE, DUMP ..: their command; --json has the path that was asked for */
    int count;
    Grade *grade;  /* NULL: some step is bent or an end is far off, so that there is more to look at than they have */
    json_t *files; /* that they have seen */
} MergedShards;

MergedShards shard_reports_merge(const char *const *paths, int count, const char *json, Error *error);
void merged_shards_free(MergedShards *merged); /* but for the grade */

#endif
