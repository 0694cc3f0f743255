/* mustpass.c - trials against the list of what must pass */
#include "submission/mustpass.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/json_load.h"
#include "submission/package.h"

static const char expected[] = "a mustpass list (docs/submission.md)";

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

Mustpass mustpass_read(const char *path, Error *error)
{
    Mustpass list = { .json = json_load_object(path, expected, error) };
    const json_t *cases = json_object_get(list.json, "cases");
    const char *name;
    json_t *entry;
    if (list.json && (!*text_of(list.json, "name") || !json_is_object(json_object_get(list.json, "groups")) ||
                      json_object_size(cases) == 0))
        error_set(error, "%s: found no name, groups and cases, expected %s", path, expected);
    json_object_foreach((json_t *)cases, name, entry)
    {
        if (!package_name_is_plain(name) || strchr(name, '/') ||
            json_object_size(json_object_get(entry, "files")) == 0 ||
            json_array_size(json_object_get(entry, "taps")) == 0)
            error_set(error, "%s: %s: found no files and taps of a case, expected %s", path, name, expected);
    }
    /* The same list has the same sum, however it is spaced. */
    char *text = list.json ? json_dumps(list.json, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    if (text) bytes_digest(text, strlen(text), list.sha256);
    free(text);
    return list;
}

void mustpass_free(Mustpass *list) { json_decref(list->json); }
const char *mustpass_name(const Mustpass *list) { return text_of(list->json, "name"); }

static const json_t *case_of(const Mustpass *list, const char *name)
{
    return json_object_get(json_object_get(list->json, "cases"), name);
}

void mustpass_check(const Mustpass *list, const Statement *s, const char *path, Error *error)
{
    size_t i;
    json_t *group;
    json_array_foreach(
        (json_t *)s->groups, i,
        group) if (!json_is_array(json_object_get(json_object_get(list->json, "groups"), json_string_value(group))))
        error_set(error, "%s: groups: found %s, expected a group of %s", path, json_string_value(group),
                  mustpass_name(list));
    for (int n = 0; n < s->trial_count; n++)
        if (!case_of(list, s->trials[n].case_name))
            error_set(error, "%s: trials: found case %s, expected one of %s", path, s->trials[n].case_name,
                      mustpass_name(list));
}

char *report_member(const SubmittedTrial *trial, Arena *arena)
{
    return arena_format(arena, "reports/%s-%s.json", trial->case_name, trial->class);
}

/* ---------------------------------------------------------------- one trial */

typedef struct {
    const Statement *statement;
    bool *used;      /* by waiver */
    Arena *arena;    /* of reasons */
    const char *why; /* the first thing that no waiver covers; NULL: none */
    int waived;
} Trying;

/* A thing that does not pass: a tap, or the trial as a whole where tap is NULL. */
static void object_to(Trying *t, const SubmittedTrial *trial, const char *tap, const char *why)
{
    bool covered = false;
    for (int i = 0; i < t->statement->waiver_count; i++) {
        const Waiver *w = &t->statement->waivers[i];
        bool covers = strcmp(w->case_name, trial->case_name) == 0 && strcmp(w->class, trial->class) == 0 &&
                      (!w->tap || (tap && fnmatch(w->tap, tap, 0) == 0));
        t->used[i] |= covers;
        covered |= covers;
    }
    t->waived += covered;
    if (!covered && !t->why) t->why = arena_format(t->arena, "%s%s%s", tap ? tap : "", tap ? ": " : "", why);
}

/* No waiver covers what makes it another trial. */
static void refuse(Trying *t, const char *why)
{
    if (!t->why) t->why = why;
}

/* plumb grade CASE DUMP --as CLASS [--names MAP]: no option makes the trial milder. */
static bool is_plain_command(const json_t *report, const SubmittedTrial *trial)
{
    const json_t *words = json_object_get(report, "command");
    const char *expected_words[] = { "plumb", "grade", NULL, NULL, "--as", trial->class, "--names", NULL };
    size_t i, count = trial->names ? 8 : 6;
    json_t *word;
    if (json_array_size(words) != count || strcmp(text_of(report, "kind"), "grade") != 0) return false;
    json_array_foreach(
        (json_t *)words, i,
        word) if (!json_is_string(word) ||
                  (expected_words[i] && strcmp(json_string_value(word), expected_words[i]) != 0)) return false;
    return strcmp(text_of(report, "case"), trial->case_name) == 0;
}

static bool ends_with(const char *text, const char *ending)
{
    size_t length = strlen(text), tail = strlen(ending);
    return length >= tail && strcmp(text + length - tail, ending) == 0;
}

/* The case is the list's where each file that was read has a name and a sum of the list, and each of these was read. */
static void check_files(Trying *t, const json_t *report, const json_t *asked)
{
    size_t i, read = 0;
    json_t *file, *sum;
    const char *name;
    json_array_foreach(json_object_get(report, "files"), i, file)
    {
        const char *role = text_of(file, "role"), *path = text_of(file, "path");
        bool listed = strcmp(role, "dump") == 0 || strcmp(role, "names") == 0;
        if (listed) continue;
        json_object_foreach((json_t *)asked, name, sum)
            listed |= ends_with(path, name) && json_is_string(sum) &&
                      strcmp(json_string_value(sum), text_of(file, "sha256")) == 0;
        read += listed;
        if (!listed) refuse(t, arena_format(t->arena, "%s is not the list's", path));
    }
    if (read != json_object_size(asked)) refuse(t, "its report is of other files than the list's");
}

/* A step of padding alone has the verdict "none", and is not graded. */
static bool is_graded(const json_t *step) { return strcmp(text_of(step, "verdict"), "none") != 0; }

static bool has_step(const json_t *report, const char *tap)
{
    size_t i;
    json_t *step;
    json_array_foreach(json_object_get(report, "steps"), i,
                       step) if (strcmp(text_of(step, "tap"), tap) == 0 && is_graded(step)) return true;
    return false;
}

static int object_to_failures(Trying *t, const SubmittedTrial *trial, const json_t *report, const char *kind)
{
    size_t i;
    json_t *step;
    int failures = 0;
    json_array_foreach(json_object_get(report, kind), i, step)
    {
        if (strcmp(text_of(step, "verdict"), "pass") == 0 || !is_graded(step)) continue;
        object_to(t, trial, text_of(step, "tap"), strcmp(kind, "steps") == 0 ? "bent" : "far off at its end");
        failures++;
    }
    return failures;
}

static void try_report(Trying *t, const SubmittedTrial *trial, const json_t *report, const json_t *asked)
{
    json_t *value;
    size_t i;
    const char *outcome = text_of(report, "outcome");
    int failures = object_to_failures(t, trial, report, "steps") + object_to_failures(t, trial, report, "ends");
    if (failures == 0 && strcmp(outcome, "pass") != 0)
        object_to(t, trial, NULL, arena_format(t->arena, "its outcome is %s", *outcome ? outcome : "missing"));
    check_files(t, report, json_object_get(asked, "files"));
    if (!is_plain_command(report, trial)) refuse(t, "its report is not one that plumb submit makes");
    json_array_foreach(json_object_get(asked, "taps"), i,
                       value) if (json_is_string(value) && !has_step(report, json_string_value(value)))
        object_to(t, trial, json_string_value(value), "not graded");
}

static const char *dump_sha256(const json_t *report)
{
    size_t i;
    json_t *file;
    json_array_foreach(json_object_get(report, "files"), i,
                       file) if (strcmp(text_of(file, "role"), "dump") == 0) return text_of(file, "sha256");
    return "";
}

static json_t *result_json(const Trying *t, const SubmittedTrial *trial, const json_t *report)
{
    return json_pack("{s:s, s:s, s:o, s:s, s:s, s:s, s:o}", "case", trial->case_name, "class", trial->class, "report",
                     report ? json_string(report_member(trial, t->arena)) : json_null(), "dump_sha256",
                     dump_sha256(report), "outcome", report ? text_of(report, "outcome") : "missing", "verdict",
                     t->why          ? "fail"
                     : t->waived > 0 ? "waived"
                                     : "pass",
                     "because", t->why ? json_string(t->why) : json_null());
}

static json_t *try_one(Trying *t, const Mustpass *list, const SubmittedTrial *trial, const json_t *report)
{
    t->why = NULL;
    t->waived = 0;
    if (report)
        try_report(t, trial, report, case_of(list, trial->case_name));
    else
        object_to(t, trial, NULL, "there is no trial");
    return result_json(t, trial, report);
}

/* ---------------------------------------------------------------- all of them */

static bool is_tried(const json_t *results, const SubmittedTrial *trial)
{
    size_t i;
    json_t *result;
    json_array_foreach((json_t *)results, i,
                       result) if (strcmp(text_of(result, "case"), trial->case_name) == 0 &&
                                   strcmp(text_of(result, "class"), trial->class) == 0) return true;
    return false;
}

static void add_missing(Trying *t, const Mustpass *list, const char *group, json_t *results)
{
    size_t i;
    json_t *name;
    const Statement *s = t->statement;
    json_array_foreach(json_object_get(json_object_get(list->json, "groups"), group), i, name)
    {
        for (int n = 0; n < s->trial_count && json_is_string(name); n++) {
            SubmittedTrial missing = { json_string_value(name), s->trials[n].class, "", NULL };
            if (!is_tried(results, &missing)) json_array_append_new(results, try_one(t, list, &missing, NULL));
        }
    }
}

json_t *mustpass_judge(const Mustpass *list, const Statement *s, json_t *const *reports, Error *error)
{
    Arena arena = { 0 };
    Trying t = { .statement = s, .used = allocate_zeroed((size_t)s->waiver_count + 1, sizeof(bool)), .arena = &arena };
    json_t *results = json_array(), *group;
    size_t i;
    for (int n = 0; n < s->trial_count; n++)
        json_array_append_new(results, try_one(&t, list, &s->trials[n], reports[n]));
    json_array_foreach((json_t *)s->groups, i, group) add_missing(&t, list, json_string_value(group), results);
    for (int n = 0; n < s->waiver_count; n++)
        if (!t.used[n])
            error_set(error, "waivers: found one for %s in %s that waives nothing, expected none",
                      s->waivers[n].case_name, s->waivers[n].class);
    free(t.used);
    arena_free(&arena);
    return results;
}

const char *results_verdict(const json_t *results)
{
    size_t i;
    json_t *result;
    if (json_array_size(results) == 0) return "fail";
    json_array_foreach((json_t *)results, i, result) if (strcmp(text_of(result, "verdict"), "fail") == 0) return "fail";
    return "pass";
}
