/* suite_list.c - a suite's groups multiplied out, and shared out */
#include "command/suite_list.h"

#include <dirent.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "checkpoint/file_limits.h"
#include "checkpoint/json_load.h"
#include "checkpoint/regular_file.h"
#include "grade/arithmetic_class.h"

enum { DIAGNOSIS_COSTS = 10 }; /* grades of the same dump */

static const char placeholder[] = "{case}";

typedef struct {
    SuiteList *list;
    const char *path;
    const json_t *object;
    const char *command, *names;
    Error *error;
} Group;

static bool is_known(const char *key)
{
    static const char *const keys[] = { "cases", "dumps", "classes", "command", "names" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(key, keys[i]) == 0) return true;
    return false;
}

/* A key that is misspelt would leave its list or its map out in silence. */
static void check_keys(const Group *group)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)group->object, key, value) if (!is_known(key)) error_set(
        group->error, "%s: found the key %s, expected cases, dumps, classes, command or names", group->path, key);
}

static const char *text_of(const Group *group, const char *key, const char *otherwise)
{
    const json_t *text = json_object_get(group->object, key);
    if (text && !json_is_string(text)) error_set(group->error, "%s: %s: found no text, expected one", group->path, key);
    return text ? json_string_value(text) : otherwise;
}

static const char *text_at(Group *group, const char *key, size_t i)
{
    const char *text = json_string_value(json_array_get(json_object_get(group->object, key), i));
    if (!text) error_set(group->error, "%s: %s: found no text at %zu, expected a list of texts", group->path, key, i);
    return text;
}

static size_t count_at(Group *group, const char *key)
{
    size_t count = json_array_size(json_object_get(group->object, key));
    if (count == 0) error_set(group->error, "%s: %s: found no list, expected one of texts", group->path, key);
    return count;
}

static const char *dump_of(Group *group, const char *folder, const char *dump)
{
    const char *at = strstr(dump, placeholder);
    if (!at) return arena_format(&group->list->arena, "%s", dump);
    return arena_format(&group->list->arena, "%.*s%s%s", (int)(at - dump), dump, folder, at + strlen(placeholder));
}

static void add_trial(Group *group, const char *folder, const char *dump, const char *class)
{
    SuiteList *list = group->list;
    if (class && !class_find(class))
        error_set(group->error, "%s: classes: found %s, expected one of %s", group->path, class, class_names);
    if (list->count == MOST_TRIALS)
        error_set(group->error, "%s: found more than %d trials, expected no more", group->path, MOST_TRIALS);
    if (error_is_set(group->error)) return;
    list->trials = grown(list->trials, list->count, sizeof *list->trials);
    list->trials[list->count++] = (SuiteTrial){
        .folder = arena_format(&list->arena, "%s", folder),
        .dump = dump_of(group, folder, dump),
        .class = class ? arena_format(&list->arena, "%s", class) : NULL,
        .names = group->names ? arena_format(&list->arena, "%s", group->names) : NULL,
        .diagnosed = strcmp(group->command, "diagnose") == 0,
    };
}

static void add_group(Group *group)
{
    check_keys(group);
    group->command = text_of(group, "command", "grade");
    group->names = text_of(group, "names", NULL);
    if (group->command && strcmp(group->command, "grade") != 0 && strcmp(group->command, "diagnose") != 0)
        error_set(group->error, "%s: command: found %s, expected grade or diagnose", group->path, group->command);
    bool has_classes = json_object_get(group->object, "classes");
    size_t cases = count_at(group, "cases"), dumps = count_at(group, "dumps");
    size_t classes = has_classes ? count_at(group, "classes") : 1;
    for (size_t c = 0; c < cases && !error_is_set(group->error); c++)
        for (size_t d = 0; d < dumps && !error_is_set(group->error); d++)
            for (size_t k = 0; k < classes && !error_is_set(group->error); k++) {
                const char *folder = text_at(group, "cases", c), *dump = text_at(group, "dumps", d);
                const char *class = has_classes ? text_at(group, "classes", k) : NULL;
                if (!error_is_set(group->error)) add_trial(group, folder, dump, class);
            }
}

SuiteList suite_list_read(const char *path, Error *error)
{
    SuiteList list = { 0 };
    size_t size = 0;
    const ExpectedFile expected = { "a suite (docs/shards.md)", file_limits.json_bytes, "--max-json" };
    const char *text = regular_file_read(path, expected, &size, &list.arena, error);
    json_t *json = text ? json_parse_object(text, size, path, "a suite (docs/shards.md)", error) : NULL;
    const json_t *groups = json_object_get(json, "groups");
    if (text) bytes_digest(text, size, list.sha256);
    if (json && json_array_size(groups) == 0) error_set(error, "%s: groups: found none, expected a list", path);
    for (size_t i = 0; i < json_array_size(groups) && !error_is_set(error); i++) {
        Group group = { .list = &list, .path = path, .object = json_array_get(groups, i), .error = error };
        add_group(&group);
    }
    json_decref(json);
    return list;
}

void suite_list_free(SuiteList *list)
{
    free(list->trials);
    arena_free(&list->arena);
    *list = (SuiteList){ 0 };
}

/* ---------------------------------------------------------------- shards */

typedef struct {
    int trial;
    double cost;
} Cost;

static double size_of_file(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) ? (double)status.st_size : 0;
}

/* A file's, or that of the arrays in a folder: a checkpoint's shards, a dump's files */
static double size_of(const char *path)
{
    double size = size_of_file(path);
    Arena arena = { 0 };
    DIR *folder = opendir(path);
    for (const struct dirent *entry; folder && (entry = readdir(folder));)
        if (fnmatch("*.safetensors", entry->d_name, 0) == 0 || fnmatch("*.npy", entry->d_name, 0) == 0)
            size += size_of_file(arena_format(&arena, "%s/%s", path, entry->d_name));
    if (folder) closedir(folder);
    arena_free(&arena);
    return size;
}

static double cost_of(const SuiteTrial *trial)
{
    Arena arena = { 0 };
    double size = 1 + size_of(trial->dump) + size_of(arena_format(&arena, "%s/model", trial->folder));
    arena_free(&arena);
    return trial->diagnosed ? DIAGNOSIS_COSTS * size : size;
}

static int dearest_first(const void *left, const void *right)
{
    const Cost *a = left, *b = right;
    if (a->cost != b->cost) return a->cost < b->cost ? 1 : -1;
    return a->trial - b->trial;
}

int *suite_list_shards(const SuiteList *list, int shards)
{
    Cost *costs = allocate_zeroed((size_t)list->count + 1, sizeof *costs);
    double *load = allocate_zeroed((size_t)shards, sizeof *load);
    int *shard_of = allocate_zeroed((size_t)list->count + 1, sizeof *shard_of);
    for (int i = 0; i < list->count; i++) costs[i] = (Cost){ i, cost_of(&list->trials[i]) };
    qsort(costs, (size_t)list->count, sizeof *costs, dearest_first);
    for (int i = 0; i < list->count; i++) {
        int least = 0;
        for (int s = 1; s < shards; s++)
            if (load[s] < load[least]) least = s;
        load[least] += costs[i].cost;
        shard_of[costs[i].trial] = least;
    }
    free(costs);
    free(load);
    return shard_of;
}
