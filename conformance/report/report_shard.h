/* report_shard.h - what a shard has found of a grade, and the grade that shards have found together */
#ifndef PLUMB_REPORT_SHARD_H
#define PLUMB_REPORT_SHARD_H

#include <jansson.h>

#include "lockstep/lockstep.h"

/* "shard" of a report: what all shards say alike under "listed", and this one's steps, ties and ends */
json_t *report_shard_json(const Lockstep *lockstep);

/* Objects of the function above, in any order, and the files that they are from. NULL with error set: they are of other
 * dumps, or a step is missing or there twice. The grade is still without its class. */
typedef struct {
    const json_t *const *shards;
    const char *const *paths;
    int count;
} ShardReports;

Grade *report_shards_grade(const ShardReports *reports, Error *error);

#endif
