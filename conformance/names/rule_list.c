/* rule_list.c - each entry by itself, then beside those before it */
#include "names/rule_list.h"

#include <string.h>

#include "checkpoint/json_load.h"

/* A name that the pattern fits, and that no other pattern fits by chance */
static const char *sample_of(const char *pattern, Arena *arena)
{
    const char *sample = "";
    while (*pattern) {
        bool number = strncmp(pattern, "{}", 2) == 0;
        if (strcmp(pattern, "@{}") == 0) break;
        if (number)
            sample = arena_format(arena, "%s907061", sample);
        else
            sample = arena_format(arena, "%s%c", sample, *pattern == '*' ? '~' : *pattern);
        pattern += number ? 2 : 1;
    }
    return sample;
}

/* The first entry that fits is the one that counts, so one behind a wider one never does. */
static void check_reach(RuleList *list, Complaints *complaints)
{
    Captured captured;
    int pattern;
    for (int i = 0; i < list->count; i++) {
        const char *name = list->rules[i].patterns[0];
        int first = rule_list_find(list, sample_of(name, &list->arena), &pattern, &captured);
        if (first >= 0 && first < i)
            complain(complaints, "%s: %s: found %s before it, which fits all its names, expected it behind", list->path,
                     name, list->rules[first].patterns[pattern]);
    }
}

RuleList rule_list_open(const char *path, Complaints *complaints)
{
    RuleList list = { .rules = NULL };
    Error unread = { "" };
    json_t *json = json_load_object(path, "a map of names", &unread), *entry;
    int before = complaints->count;
    const char *pattern;
    list.path = arena_format(&list.arena, "%s", path);
    if (error_is_set(&unread)) complain(complaints, "%s", unread.message);
    list.rules = arena_allocate(&list.arena, (json_object_size(json) + 1) * sizeof *list.rules);
    json_object_foreach(json, pattern, entry)
    {
        if (strcmp(pattern, "$schema") == 0) continue;
        const char *where = arena_format(&list.arena, "%s: %s", path, pattern);
        list.rules[list.count++] = name_rule_read(pattern, entry, where, &list.arena, complaints);
    }
    json_decref(json);
    if (complaints->count == before) check_reach(&list, complaints);
    return list;
}

void rule_list_free(RuleList *list) { arena_free(&list->arena); }

int rule_list_find(const RuleList *list, const char *name, int *pattern, Captured *captured)
{
    for (int i = 0; i < list->count; i++)
        for (*pattern = 0; *pattern < list->rules[i].pattern_count; ++*pattern)
            if (name_pattern_fits(list->rules[i].patterns[*pattern], name, captured)) return i;
    return -1;
}
