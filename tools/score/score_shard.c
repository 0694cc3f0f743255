/* score_shard.c - results of a shard's jobs as JSON, and back */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "checkpoint/json_load.h"
#include "run/output.h"
#include "score.h"

/* ---------------------------------------------------------------- written */

static json_t *bug_json(const BugResult *r)
{
    return json_pack("[i, b, b, b, b, s]", r->shown, r->detected, r->located, r->named, r->with_rivals, r->said);
}

static json_t *mixture_json(const MixtureResult *r)
{
    return json_pack("[b, b, b, b, s, s]", r->bent, r->located, r->named, r->reached, r->what, r->said);
}

static json_t *job_json(const Job *job)
{
    char name[MESSAGE_SIZE];
    json_t *bugs = json_array(), *honest = json_array(), *mixtures = json_array();
    score_row_name(name, sizeof name, job);
    for (int i = 0; i < bug_count(); i++) json_array_append_new(bugs, bug_json(&job->bugs[i]));
    for (int v = 0; v < VARIANTS; v++) {
        const HonestResult *r = &job->honest[v];
        json_array_append_new(honest, json_pack("[b, b, s]", r->run, r->alarm, r->said));
    }
    for (int m = 0; m < MIXTURES * EACH_MIXTURE; m++)
        json_array_append_new(mixtures, mixture_json(&job->mixtures[m / EACH_MIXTURE][m % EACH_MIXTURE]));
    return json_pack("{s:s, s:o, s:o, s:o}", "job", name, "bugs", bugs, "honest", honest, "mixtures", mixtures);
}

void score_write_shard(const char *path, const Job *jobs, int count, ScoreShard of, Error *error)
{
    json_t *list = json_array();
    for (int i = of.number; i < count; i += of.count)
        json_array_append_new(list, json_pack("{s:i, s:o}", "number", i, "result", job_json(&jobs[i])));
    json_t *report = json_pack("{s:s, s:i, s:i, s:o}", "kind", "score shard", "bugs", bug_count(), "count", count,
                               "jobs", list);
    Output *output = output_open(path, error);
    if (output) json_dumpf(report, output_stream(output), JSON_COMPACT);
    if (output) output_close(output, error);
    json_decref(report);
}

/* ---------------------------------------------------------------- and read */

static void copy(char to[MESSAGE_SIZE], const char *text) { snprintf(to, MESSAGE_SIZE, "%s", text); }

static bool read_bug(json_t *list, BugResult *r)
{
    int shown, detected, located, named, rivals;
    const char *said;
    if (json_unpack(list, "[i, b, b, b, b, s!]", &shown, &detected, &located, &named, &rivals, &said) != 0)
        return false;
    *r = (BugResult){ .detected = detected, .located = located, .named = named, .with_rivals = rivals };
    r->shown = shown == EXPOSED ? EXPOSED : shown == FAINT ? FAINT : IDENTICAL;
    copy(r->said, said);
    return true;
}

static bool read_honest(json_t *list, HonestResult *r)
{
    int run, alarm;
    const char *said;
    if (json_unpack(list, "[b, b, s!]", &run, &alarm, &said) != 0) return false;
    *r = (HonestResult){ .run = run, .alarm = alarm };
    copy(r->said, said);
    return true;
}

static bool read_mixture(json_t *list, MixtureResult *r)
{
    int bent, located, named, reached;
    const char *what, *said;
    if (json_unpack(list, "[b, b, b, b, s, s!]", &bent, &located, &named, &reached, &what, &said) != 0) return false;
    *r = (MixtureResult){ .bent = bent, .located = located, .named = named, .reached = reached };
    copy(r->what, what);
    copy(r->said, said);
    return true;
}

static bool read_job(const json_t *result, Job *job)
{
    char name[MESSAGE_SIZE];
    const char *found = json_string_value(json_object_get(result, "job"));
    score_row_name(name, sizeof name, job);
    bool fits = found && strcmp(found, name) == 0;
    for (int i = 0; fits && i < bug_count(); i++)
        fits = read_bug(json_array_get(json_object_get(result, "bugs"), (size_t)i), &job->bugs[i]);
    for (int v = 0; fits && v < VARIANTS; v++)
        fits = read_honest(json_array_get(json_object_get(result, "honest"), (size_t)v), &job->honest[v]);
    for (int m = 0; fits && m < MIXTURES * EACH_MIXTURE; m++)
        fits = read_mixture(json_array_get(json_object_get(result, "mixtures"), (size_t)m),
                            &job->mixtures[m / EACH_MIXTURE][m % EACH_MIXTURE]);
    return fits;
}

static void read_shard(const char *path, Job *jobs, int count, bool *read, Error *error)
{
    size_t i;
    json_t *object, *report = json_load_object(path, "a report of score --shard", error);
    if (report && (json_integer_value(json_object_get(report, "count")) != count ||
                   json_integer_value(json_object_get(report, "bugs")) != bug_count()))
        error_set(error, "%s: found a shard of other jobs or bugs, expected one of these", path);
    json_array_foreach(json_object_get(report, "jobs"), i, object)
    {
        json_int_t n = json_integer_value(json_object_get(object, "number"));
        if (error_is_set(error)) break;
        bool fits = n >= 0 && n < count && !read[n] && read_job(json_object_get(object, "result"), &jobs[n]);
        if (fits)
            read[n] = true;
        else
            error_set(error, "%s: found a job that another shard has or that is none of these, expected each once",
                      path);
    }
    json_decref(report);
}

void score_read_shards(char **paths, int path_count, Job *jobs, int count, Error *error)
{
    bool *read = allocate_zeroed((size_t)count + 1, sizeof *read);
    for (int i = 0; i < path_count && !error_is_set(error); i++) read_shard(paths[i], jobs, count, read, error);
    for (int n = 0; n < count; n++)
        if (!read[n]) error_set(error, "found no shard with job %d of %d, expected each once", n + 1, count);
    free(read);
}
