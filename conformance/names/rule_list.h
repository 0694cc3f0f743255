/* rule_list.h - a file of a name map, compiled and checked */
#ifndef PLUMB_RULE_LIST_H
#define PLUMB_RULE_LIST_H

#include "names/name_pattern.h"
#include "names/name_rule.h"
#include "names/rule_index.h"

typedef struct {
    int rule, pattern;
} RulePlace;

typedef struct {
    Arena arena;
    const char *path;
    NameRule *rules; /* in the file's order */
    int count;
    RuleIndex *index;  /* of all patterns */
    RulePlace *places; /* of each of them */
} RuleList;

RuleList rule_list_open(const char *path, Complaints *complaints);
void rule_list_free(RuleList *list);
/* The rule that fits the name, and which of its patterns; -1: none */
int rule_list_find(const RuleList *list, const char *name, int *pattern, Captured *captured);

#endif
