/* suite_report.h - reports of a suite's trials, all of them or a shard's
 *
 * docs/shards.md has the format. A whole suite says nothing of shards, so that merged shards are the same bytes.
 */
#ifndef PLUMB_SUITE_REPORT_H
#define PLUMB_SUITE_REPORT_H

#include <jansson.h>

#include "command/suite_list.h"

json_t *suite_report_new(const SuiteList *list);                                           /* without trials */
void suite_report_add(json_t *suite, int number, const SuiteTrial *trial, json_t *report); /* report is taken over */
void suite_report_print(const json_t *suite, size_t from); /* a line for each trial from that one on */
/* Whether all trials pass; says: one line more says it. */
bool suite_report_conclude(const json_t *suite, bool says);

/* Shards' reports made one. NULL with error set: they are not of one suite and one program, a trial is missing or is
 * there twice, or two trials saw different files of one name. */
json_t *suite_reports_merge(const char *const *paths, int count, Error *error);

#endif
