/* report_tried.c - matches as JSON and back, to the last bit */
#include "report/report_tried.h"

#include <math.h>
#include <string.h>

#include "checkpoint/file_limits.h"
#include "report/json_file.h"
#include "report/shard_fields.h"

static json_t *matches_json(const Tried *tried, const Match *matches)
{
    json_t *list = json_array();
    for (int n = 0; n < tried->step_count; n++) {
        if (!(matches[n].power > 0)) continue; /* then all of it is 0 */
        json_t *object = json_pack("{s:i}", "step", n);
        shard_fields_write(object, shard_match, &matches[n]);
        json_array_append_new(list, object);
    }
    return list;
}

json_t *report_tried_json(const Tried *tried)
{
    json_t *taps = json_array(), *bugs = json_array();
    for (int n = 0; n < tried->step_count; n++) json_array_append_new(taps, text_json(tried->taps[n]));
    for (int i = 0; i < bug_count(); i++) {
        const TriedBug *bug = &tried->bugs[i];
        if (!bug->is_tried) continue;
        json_t *matches = bug->matches ? matches_json(tried, bug->matches) : json_null();
        json_array_append_new(
            bugs, json_pack("{s:s, s:b, s:o}", "bug", bug_at(i)->id, "remembers", bug->remembers, "matches", matches));
    }
    return json_pack("{s:o, s:o}", "listed", taps, "bugs", bugs);
}

/* ---------------------------------------------------------------- and back */

typedef struct {
    const ShardReports *reports;
    Tried *tried;
    Error *error;
} Joining;

static void refuse(Joining *j, int shard)
{
    error_set(j->error, "%s: found a shard whose bugs are not as plumb diagnose --shard writes them, expected those",
              j->reports->paths[shard]);
}

/* Whether a pass may have found it. Behind zeros, which have no noise, a bug's power is so large that squares of it are
 * no numbers. */
static bool is_match(const Match *m)
{
    return isfinite(m->product) && isfinite(m->power) && isfinite(m->honest) && m->power > 0 &&
           !(m->product_product < 0) && !(m->power_power < 0);
}

/* Steps are in order, so that none is there twice. */
static bool take_match(const Joining *j, const json_t *object, json_int_t after, Match *matches)
{
    json_int_t n = json_integer_value(json_object_get(object, "step"));
    return json_is_integer(json_object_get(object, "step")) && n > after && n < j->tried->step_count &&
           shard_fields_read(object, shard_match, &matches[n]) && is_match(&matches[n]);
}

static Match *matches_of(Joining *j, int shard, const json_t *list)
{
    Match *matches = allocate_zeroed((size_t)j->tried->step_count + 1, sizeof *matches);
    size_t i;
    const json_t *object;
    json_int_t last = -1;
    json_array_foreach((json_t *)list, i, object)
    {
        if (!take_match(j, object, last, matches)) refuse(j, shard);
        last = json_integer_value(json_object_get(object, "step"));
    }
    return matches;
}

static int place_of(const char *id)
{
    for (int i = 0; i < bug_count(); i++)
        if (id && strcmp(bug_at(i)->id, id) == 0) return i;
    return -1;
}

static void take_bug(Joining *j, int shard, const json_t *object)
{
    const json_t *matches = json_object_get(object, "matches");
    int place = place_of(json_string_value(json_object_get(object, "bug")));
    const json_t *remembers = json_object_get(object, "remembers");
    if (place < 0 || !(json_is_null(matches) || json_is_array(matches)) || !json_is_boolean(remembers)) {
        refuse(j, shard);
        return;
    }
    TriedBug *bug = &j->tried->bugs[place];
    if (bug->is_tried) {
        error_set(j->error, "%s: found %s, which another shard has too, expected each bug once",
                  j->reports->paths[shard], bug_at(place)->id);
        return;
    }
    *bug = (TriedBug){ .is_tried = true,
                       .remembers = json_is_true(remembers),
                       .matches = json_is_array(matches) ? matches_of(j, shard, matches) : NULL };
}

static void list_steps(Joining *j)
{
    const json_t *listed = json_object_get(j->reports->shards[0], "listed");
    bool fits = json_is_array(listed) && (int64_t)json_array_size(listed) <= file_limits.arrays;
    j->tried = tried_new(fits ? (int)json_array_size(listed) : 0);
    if (!fits) refuse(j, 0);
    for (int n = 0; n < j->tried->step_count; n++) {
        const char *tap = json_string_value(json_array_get(listed, (size_t)n));
        j->tried->taps[n] = arena_format(&j->tried->arena, "%s", tap ? tap : "");
    }
    for (int i = 0; i < j->reports->count; i++)
        if (!json_equal(json_object_get(j->reports->shards[i], "listed"), (json_t *)listed))
            error_set(j->error, "%s: found other steps than in %s, expected shards of one dump", j->reports->paths[i],
                      j->reports->paths[0]);
}

Tried *report_tried_join(const ShardReports *reports, Error *error)
{
    Joining j = { .reports = reports, .error = error };
    size_t i;
    const json_t *object;
    list_steps(&j);
    for (int shard = 0; shard < reports->count && !error_is_set(error); shard++)
        json_array_foreach((json_t *)json_object_get(reports->shards[shard], "bugs"), i, object)
            take_bug(&j, shard, object);
    for (int b = 0; b < bug_count(); b++)
        if (!j.tried->bugs[b].is_tried)
            error_set(error, "found no shard with %s, expected each bug once", bug_at(b)->id);
    if (!error_is_set(error)) return j.tried;
    tried_free(j.tried);
    return NULL;
}
