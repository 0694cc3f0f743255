/* name_rule.c - an entry's keys, and whether they go together */
#include "names/name_rule.h"

#include <string.h>

#include "names/name_pattern.h"

/* An entry is read with these: where it stands, and where its complaints go. */
typedef struct {
    const char *where;
    Arena *arena;
    Complaints *complaints;
} Reader;

static void add_text(Reader *r, const char ***list, int *count, const char *text)
{
    const char **longer = arena_allocate(r->arena, (size_t)(*count + 1) * sizeof *longer);
    if (*count) memcpy(longer, *list, (size_t)*count * sizeof *longer);
    longer[(*count)++] = text ? arena_format(r->arena, "%s", text) : NULL;
    *list = longer;
}

static void read_taps(Reader *r, NameRule *rule, const json_t *taps)
{
    size_t i;
    json_t *tap;
    if (json_array_size(taps) == 0) complain(r->complaints, "%s: taps: found no list of names, expected one", r->where);
    json_array_foreach(taps, i, tap)
    {
        if (!json_is_string(tap) && !json_is_null(tap))
            complain(r->complaints, "%s: taps: found no name at place %zu, expected one, or null", r->where, i);
        add_text(r, &rule->taps, &rule->tap_count, json_string_value(tap));
    }
}

static void read_with(Reader *r, NameRule *rule, const json_t *with)
{
    size_t i;
    json_t *name;
    if (json_array_size(with) == 0) complain(r->complaints, "%s: with: found no list of names, expected one", r->where);
    json_array_foreach(with, i, name)
    {
        if (!json_is_string(name))
            complain(r->complaints, "%s: with: found no name at place %zu, expected one", r->where, i);
        else
            add_text(r, &rule->patterns, &rule->pattern_count, json_string_value(name));
    }
}

static bool read_flag(Reader *r, const char *key, const json_t *value)
{
    if (!json_is_boolean(value)) complain(r->complaints, "%s: %s: expected true or false", r->where, key);
    return json_is_true(value);
}

static void add_step(Reader *r, NameRule *rule, const char *key, const json_t *value)
{
    LayoutStep *longer = arena_allocate(r->arena, (size_t)(rule->step_count + 1) * sizeof *longer);
    if (rule->step_count) memcpy(longer, rule->steps, (size_t)rule->step_count * sizeof *longer);
    rule->steps = longer;
    const char *wrong = layout_step_read(key, value, &longer[rule->step_count++], r->arena);
    if (wrong) complain(r->complaints, "%s: %s: %s", r->where, key, wrong);
}

static void read_steps(Reader *r, NameRule *rule, const json_t *steps)
{
    size_t i;
    json_t *step;
    if (!json_is_array(steps)) complain(r->complaints, "%s: steps: expected a list of operations", r->where);
    json_array_foreach(steps, i, step)
    {
        const char *key = json_object_size(step) == 1 ? json_object_iter_key(json_object_iter((json_t *)step)) : NULL;
        if (!key || !layout_is_known(key))
            complain(r->complaints, "%s: steps: found no operation at place %zu, expected one of %s", r->where, i,
                     layout_names);
        else
            add_step(r, rule, key, json_object_get(step, key));
    }
}

static void read_object(Reader *r, NameRule *rule, const json_t *entry)
{
    const char *key;
    json_t *value;
    int operations = 0;
    json_object_foreach((json_t *)entry, key, value)
    {
        if (strcmp(key, "tap") == 0) {
            if (!json_is_string(value)) complain(r->complaints, "%s: tap: found no name, expected one", r->where);
            add_text(r, &rule->taps, &rule->tap_count, json_string_value(value));
        } else if (strcmp(key, "taps") == 0) {
            read_taps(r, rule, value);
        } else if (strcmp(key, "with") == 0) {
            read_with(r, rule, value);
        } else if (strcmp(key, "drop") == 0) {
            rule->drop = read_flag(r, key, value);
        } else if (strcmp(key, "optional") == 0) {
            rule->optional = read_flag(r, key, value);
        } else if (strcmp(key, "steps") == 0) {
            operations++;
            read_steps(r, rule, value);
        } else if (layout_is_known(key)) {
            operations++;
            add_step(r, rule, key, value);
        } else if (strcmp(key, "comment") != 0) {
            complain(r->complaints,
                     "%s: found the key %s, expected tap, taps, with, drop, optional, steps, comment or one of %s",
                     r->where, key, layout_names);
        }
    }
    if (operations > 1)
        complain(r->complaints, "%s: found %d operations, expected one, or \"steps\" with them in order", r->where,
                 operations);
    if (json_object_get(entry, "tap") && json_object_get(entry, "taps"))
        complain(r->complaints, "%s: found tap and taps, expected one of them", r->where);
}

static void check_patterns(Reader *r, const NameRule *rule)
{
    for (int p = 0; p < rule->pattern_count; p++) {
        const char *wrong = name_pattern_complaint(rule->patterns[p]);
        if (wrong) complain(r->complaints, "%s: %s", r->where, wrong);
        for (int t = 0; !wrong && t < rule->tap_count; t++) {
            const char *amiss = rule->taps[t] ? name_pattern_tap_complaint(rule->patterns[p], rule->taps[t]) : NULL;
            if (amiss) complain(r->complaints, "%s: %s", r->where, amiss);
        }
    }
}

static bool unstacks_first(const NameRule *rule)
{
    int i = 0;
    while (i < rule->step_count && !layout_parts(rule->steps[i].kind)) i++;
    return i < rule->step_count && rule->steps[i].kind == LAYOUT_UNSTACK;
}

static void check_parts(Reader *r, const NameRule *rule)
{
    int gathers = 0, parts = 0, places = 0, named = 0;
    for (int i = 0; i < rule->step_count; i++) {
        gathers += layout_gathers(rule->steps[i].kind);
        parts += layout_parts(rule->steps[i].kind);
        if (layout_gathers(rule->steps[i].kind) && parts)
            complain(r->complaints, "%s: found %s after a split, expected it before", r->where,
                     layout_name(rule->steps[i].kind));
    }
    for (int t = 0; t < rule->tap_count; t++) {
        named += rule->taps[t] != NULL;
        places += rule->taps[t] && name_pattern_has_place(rule->taps[t]);
    }
    bool is_nested = parts == 2 && rule->tap_count > 1 && unstacks_first(rule);
    if (gathers > 1 || (parts > 1 && !is_nested))
        complain(r->complaints,
                 "%s: found several of concat and stack, or of split and unstack, expected one, or an unstack and "
                 "what splits each place into taps",
                 r->where);
    if (is_nested && places < named)
        complain(r->complaints, "%s: found a tap without {i}, expected the place of the unstack in each", r->where);
    if (rule->pattern_count > 1 && !gathers)
        complain(r->complaints, "%s: with: found neither concat nor stack, expected one", r->where);
    if (rule->tap_count > 1 && !parts)
        complain(r->complaints, "%s: taps: found neither split nor unstack, expected one", r->where);
    if (parts && rule->tap_count == 1 && !places)
        complain(r->complaints, "%s: found one tap for several parts, expected taps, or {i} in the tap", r->where);
    if (places && !is_nested && (!parts || rule->tap_count > 1))
        complain(r->complaints, "%s: found {i} in a tap, expected it in the one tap of a split or an unstack",
                 r->where);
}

NameRule name_rule_read(const char *pattern, const json_t *entry, const char *where, Arena *arena,
                        Complaints *complaints)
{
    Reader r = { where, arena, complaints };
    NameRule rule = { 0 };
    int before = complaints->count;
    add_text(&r, &rule.patterns, &rule.pattern_count, pattern);
    if (json_is_string(entry))
        add_text(&r, &rule.taps, &rule.tap_count, json_string_value(entry));
    else if (json_is_object(entry))
        read_object(&r, &rule, entry);
    else
        complain(complaints, "%s: found no tap, expected a name or an object", where);
    if (complaints->count > before) return rule;

    if (rule.drop && (rule.tap_count || rule.step_count || rule.pattern_count > 1))
        complain(complaints, "%s: drop: found more beside it, expected nothing but a comment or optional", where);
    if (!rule.drop && rule.tap_count == 0) complain(complaints, "%s: found no tap, expected a name", where);
    check_patterns(&r, &rule);
    check_parts(&r, &rule);
    return rule;
}
