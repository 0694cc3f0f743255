/* report_tried.h - what a shard of a diagnosis has found of its bugs, and what shards have found together */
#ifndef PLUMB_REPORT_TRIED_H
#define PLUMB_REPORT_TRIED_H

#include <jansson.h>

#include "diagnose/tried.h"
#include "report/report_shard.h"

/* "shard" of a report: the steps, and of each bug that was tried its id and its sums over each step that it changes */
json_t *report_tried_json(const Tried *tried);

/* Objects of the function above. NULL with error set: they are of other dumps, or a bug is missing or there twice. */
Tried *report_tried_join(const ShardReports *reports, Error *error);

#endif
