/* rule_list.c - checks each entry by itself, then beside those before it */
#include "names/rule_list.h"

#include <string.h>

#include "checkpoint/json_load.h"

/* A name that the pattern fits, and that no other pattern fits by chance */
static const char *sample_of(const char *pattern, Arena *arena)
{
    enum { DIGITS = 6 };
    char *sample = arena_allocate(arena, DIGITS * strlen(pattern) + 1), *end = sample;
    while (*pattern && strcmp(pattern, "@{}") != 0) {
        bool number = strncmp(pattern, "{}", 2) == 0;
        if (number)
            end = stpcpy(end, "907061");
        else
            *end++ = *pattern == '*' ? '~' : *pattern;
        pattern += number ? 2 : 1;
    }
    *end = '\0';
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

static void index_patterns(RuleList *list)
{
    int count = 0, place = 0;
    for (int i = 0; i < list->count; i++) count += list->rules[i].pattern_count;
    list->index = rule_index_new(count, &list->arena);
    list->places = arena_allocate(&list->arena, ((size_t)count + 1) * sizeof *list->places);
    for (int i = 0; i < list->count; i++)
        for (int j = 0; j < list->rules[i].pattern_count; j++) {
            rule_index_add(list->index, list->rules[i].patterns[j]);
            list->places[place++] = (RulePlace){ i, j };
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
    index_patterns(&list);
    if (complaints->count == before) check_reach(&list, complaints);
    return list;
}

void rule_list_free(RuleList *list) { arena_free(&list->arena); }

int rule_list_find(const RuleList *list, const char *name, int *pattern, Captured *captured)
{
    int found = rule_index_find(list->index, name, captured);
    if (found < 0) return -1;
    *pattern = list->places[found].pattern;
    return list->places[found].rule;
}
