/* suite_report.c - trials listed by their numbers, joined, and summed up */
#include "command/suite_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/json_load.h"
#include "report/json_file.h"
#include "report/version.h"
#include "run/shown_text.h"

enum { SUITE_SCHEMA_VERSION = 1 };

json_t *suite_report_new(const SuiteList *list)
{
    return json_pack("{s:s, s:i, s:s, s:s, s:s, s:i, s:[]}", "kind", "suite", "suite_schema_version",
                     SUITE_SCHEMA_VERSION, "version", plumb_version, "commit", plumb_commit, "suite_sha256",
                     list->sha256, "count", list->count, "trials");
}

void suite_report_add(json_t *suite, int number, const SuiteTrial *trial, json_t *report)
{
    json_array_append_new(json_object_get(suite, "trials"),
                          json_pack("{s:i, s:o, s:o, s:s?, s:s, s:o}", "trial", number, "case",
                                    text_json(trial->folder), "dump", text_json(trial->dump), "class", trial->class,
                                    "command", trial->diagnosed ? "diagnose" : "grade", "report", report));
}

/* Strangers may have written it, and a terminal may read it. */
static void print_text(const json_t *object, const char *key, int width)
{
    const char *text = json_string_value(json_object_get(object, key));
    printf("%-*s", width, text ? SHOWN_TEXT(text) : "");
}

static bool passes(const json_t *trial)
{
    const char *outcome = json_string_value(json_object_get(json_object_get(trial, "report"), "outcome"));
    return outcome && strcmp(outcome, "pass") == 0;
}

static void print_trial(const json_t *trial)
{
    const json_t *report = json_object_get(trial, "report");
    print_text(report, "outcome", 8);
    if (json_is_string(json_object_get(trial, "class"))) {
        print_text(trial, "class", 4);
        putchar(' ');
    }
    print_text(trial, "dump", 0);
    if (!passes(trial) && json_is_string(json_object_get(report, "error"))) {
        printf(": ");
        print_text(report, "error", 0);
    } else if (!passes(trial) && json_is_string(json_object_get(report, "first_bent"))) {
        printf("  bent from ");
        print_text(report, "first_bent", 0);
    }
    putchar('\n');
}

void suite_report_print(const json_t *suite, size_t from)
{
    const json_t *trials = json_object_get(suite, "trials");
    for (size_t i = from; i < json_array_size(trials); i++) print_trial(json_array_get(trials, i));
}

bool suite_report_conclude(const json_t *suite, bool says)
{
    const json_t *trials = json_object_get(suite, "trials");
    size_t passed = 0, count = json_array_size(trials);
    for (size_t i = 0; i < count; i++) passed += passes(json_array_get(trials, i));
    if (says) printf("%s  %zu of %zu trials pass\n", passed == count ? "PASS" : "FAIL", passed, count);
    return passed == count;
}

/* ---------------------------------------------------------------- shards */

typedef struct {
    json_t *whole;     /* the first shard, without its trials */
    json_t **trials;   /* by number; borrowed from the shards */
    const char **from; /* the file that each is from */
    json_t *digests;   /* path -> sha256, of all files that a report names */
    const char *path;  /* the shard that is read */
    Error *error;
} Merging;

static void check_same(Merging *m, const json_t *shard, const char *key)
{
    char *found = json_dumps(json_object_get(shard, key), JSON_ENCODE_ANY);
    char *expected = json_dumps(json_object_get(m->whole, key), JSON_ENCODE_ANY);
    if (!json_equal(json_object_get(shard, key), json_object_get(m->whole, key)))
        error_set(m->error, "%s: %s: found %s, expected %s as in the first shard", m->path, key, found ? found : "none",
                  expected ? expected : "none");
    free(found);
    free(expected);
}

static void check_files(Merging *m, const json_t *trial)
{
    size_t i;
    const json_t *file;
    json_array_foreach((json_t *)json_object_get(json_object_get(trial, "report"), "files"), i, file)
    {
        const char *path = json_string_value(json_object_get(file, "path"));
        json_t *sha256 = json_object_get(file, "sha256"), *earlier = path ? json_object_get(m->digests, path) : NULL;
        if (earlier && !json_equal(earlier, sha256))
            error_set(m->error, "%s: found another %s than an earlier trial saw, expected one set of files", m->path,
                      path);
        else if (path && sha256)
            json_object_set(m->digests, path, sha256);
    }
}

static void take_trial(Merging *m, json_t *trial)
{
    const json_t *number = json_object_get(trial, "trial");
    json_int_t n = json_integer_value(number), count = json_integer_value(json_object_get(m->whole, "count"));
    if (!json_is_integer(number) || n < 0 || n >= count || !json_is_object(json_object_get(trial, "report"))) {
        error_set(m->error, "%s: found a trial without a number or a report, expected 0 to %lld, and a report", m->path,
                  (long long)count - 1);
        return;
    }
    if (m->trials[n])
        error_set(m->error, "%s: found trial %lld, which %s has too, expected each trial once", m->path, (long long)n,
                  m->from[n]);
    m->trials[n] = trial;
    m->from[n] = m->path;
    check_files(m, trial);
}

static void take_shard(Merging *m, json_t *shard)
{
    static const char *const same[] = { "suite_schema_version", "version", "commit", "suite_sha256", "count" };
    size_t i;
    json_t *trial;
    for (size_t k = 0; k < sizeof same / sizeof *same; k++) check_same(m, shard, same[k]);
    json_array_foreach(json_object_get(shard, "trials"), i, trial) if (!error_is_set(m->error)) take_trial(m, trial);
}

static json_t *open_shard(const char *path, Error *error)
{
    json_t *shard = json_load_object(path, "a report of plumb suite", error);
    const char *kind = json_string_value(json_object_get(shard, "kind"));
    if (shard && (!kind || strcmp(kind, "suite") != 0))
        error_set(error, "%s: found %s, expected a report of plumb suite", path, kind ? kind : "no kind");
    json_int_t count = json_integer_value(json_object_get(shard, "count"));
    if (shard && (count < 1 || count > MOST_TRIALS))
        error_set(error, "%s: count: found %lld, expected 1 to %d trials", path, (long long)count, MOST_TRIALS);
    return shard;
}

static void join(Merging *m)
{
    json_int_t count = json_integer_value(json_object_get(m->whole, "count"));
    json_t *list = json_array();
    for (json_int_t n = 0; n < count; n++) {
        if (!m->trials[n])
            error_set(m->error, "found no shard with trial %lld of %lld, expected each trial once", (long long)n,
                      (long long)count);
        else
            json_array_append(list, m->trials[n]);
    }
    json_object_set_new(m->whole, "trials", list);
}

json_t *suite_reports_merge(const char *const *paths, int count, Error *error)
{
    json_t **shards = allocate_zeroed((size_t)count + 1, sizeof *shards);
    for (int i = 0; i < count && !error_is_set(error); i++) shards[i] = open_shard(paths[i], error);
    json_t *whole = NULL;
    if (!error_is_set(error)) {
        size_t trials = (size_t)json_integer_value(json_object_get(shards[0], "count")) + 1;
        whole = json_copy(shards[0]);
        Merging m = { .whole = whole,
                      .trials = allocate_zeroed(trials, sizeof *m.trials),
                      .from = allocate_zeroed(trials, sizeof *m.from),
                      .digests = json_object(),
                      .error = error };
        for (int i = 0; i < count && !error_is_set(error); i++) {
            m.path = paths[i];
            take_shard(&m, shards[i]);
        }
        if (!error_is_set(error)) join(&m);
        json_decref(m.digests);
        free(m.trials);
        free(m.from);
    }
    for (int i = 0; i < count; i++) json_decref(shards[i]);
    free(shards);
    if (!error_is_set(error)) return whole;
    json_decref(whole);
    return NULL;
}
