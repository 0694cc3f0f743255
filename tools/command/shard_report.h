/* shard_report.h - reports of shards of one grade or diagnosis, and what they make
 *
 * A shard's report is one of plumb grade with "kind": "grade shard", or of plumb diagnose with "diagnose shard". It has
 * the command of the whole grade or diagnosis besides, so that plumb merge needs nothing but the reports.
 */
#ifndef PLUMB_SHARD_REPORT_H
#define PLUMB_SHARD_REPORT_H

#include "command/grade_arguments.h"

json_t *shard_report_json(const GradeCommand *command, json_t *shard); /* the report's body; shard is taken over */
/* A shard alone says nothing of the dump but whether what it has seen is straight. */
void shard_report_text(const GradeCommand *command, const Grade *grade, const json_t *shard);
void tried_report_text(const GradeCommand *command, const Tried *tried);

/* Whether the file is of a shard of a grade or a diagnosis, as far as anybody can tell */
bool shard_report_is(const char *path);

/* Shards say this together. */
typedef struct {
    bool diagnosed;
    char **words; /* "plumb grade", CASE, DUMP ..: their command; --json has the path that was asked for */
    int count;
    Tried *tried;  /* what they have found of each bug, of a diagnosis */
    Grade *grade;  /* NULL: some step is bent or an end is far off, so that there is more to look at than they have */
    json_t *files; /* that they have seen */
    json_t *class; /* the name of the class that they graded by */
} MergedShards;

MergedShards shard_reports_merge(const char *const *paths, int count, const char *json, Error *error);
void merged_shards_free(MergedShards *merged); /* but for the grade */

#endif
