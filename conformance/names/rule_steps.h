/* rule_steps.h - an entry's operations done to its arrays, and what its taps are called */
#ifndef PLUMB_RULE_STEPS_H
#define PLUMB_RULE_STEPS_H

#include "names/layout_apply.h"
#include "names/name_pattern.h"
#include "names/name_rule.h"

/* A rule on arrays whose names filled its pattern so */
typedef struct {
    const NameRule *rule;
    const Captured *captured;
    NamesCase *names_case; /* may be NULL */
    Arena *arena;
} RuleUse;

const char *rule_tap(const RuleUse *use, const char *tap, long long place); /* NULL of NULL */
/* Arrays of one tap in the bundle become all that the rule makes of them, each with its tap. A message where that
 * cannot be, and *at is the operation that cannot. */
const char *rule_steps_run(const RuleUse *use, Bundle *bundle, const LayoutStep **at);

#endif
