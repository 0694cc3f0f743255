/* rule_index.h - which entries of a map may fit a name, found by how their patterns begin and end
 *
 * Large maps have thousands of entries, and large dumps as many names: each is compared with the few that begin and end
 * as it does, and not with all.
 */
#ifndef PLUMB_RULE_INDEX_H
#define PLUMB_RULE_INDEX_H

#include "names/name_pattern.h"
#include "run/arena.h"

typedef struct RuleIndex RuleIndex;

/* Lies in the arena, as the patterns do. Patterns are numbered in the order in which they are added. */
RuleIndex *rule_index_new(int most, Arena *arena);
void rule_index_add(RuleIndex *index, const char *pattern);
int rule_index_find(const RuleIndex *index, const char *name, Captured *captured); /* the first that fits; -1: none */

#endif
