/* name_rule.h - an entry of a name map: which names it fits, and what is done with their arrays
 *
 * docs/names.md says what an entry may hold, names.schema.json what it looks like.
 */
#ifndef PLUMB_NAME_RULE_H
#define PLUMB_NAME_RULE_H

#include <jansson.h>

#include "names/complaints.h"
#include "names/layout_step.h"

typedef struct {
    const char **patterns; /* more than one: those of "with" follow */
    int pattern_count;
    const char **taps; /* NULL in it: that part is left out. More than one: of a split or an unstack */
    int tap_count;
    bool drop, optional;
    LayoutStep *steps;
    int step_count;
} NameRule;

/* Everything that is wrong with the entry becomes a line that begins with `where`. The rule lies in the arena. */
NameRule name_rule_read(const char *pattern, const json_t *entry, const char *where, Arena *arena,
                        Complaints *complaints);

#endif
