/* report_shard.c - a shard's part of a grade as JSON */
#include "report/report_shard.h"

#include <string.h>

#include "report/json_file.h"
#include "report/shard_fields.h"

static json_t *names_json(const char *const *names, int count)
{
    json_t *list = json_array();
    for (int i = 0; i < count; i++) json_array_append_new(list, text_json(names[i]));
    return list;
}

static json_t *listed_json(const Grade *grade)
{
    json_t *steps = json_array();
    for (int n = 0; n < grade->step_count; n++) {
        const Step *step = &grade->steps[n];
        json_t *shape = json_array(), *object = json_pack("{s:o, s:o}", "tap", text_json(step->tap), "shape", shape);
        for (int i = 0; i < step->rank; i++) json_array_append_new(shape, json_integer(step->shape[i]));
        shard_fields_write(object, shard_step_listed, step);
        json_array_append_new(steps, object);
    }
    return json_pack("{s:o, s:o, s:o, s:i, s:I}", "steps", steps, "not_graded",
                     names_json(grade->not_graded, grade->not_graded_count), "unknown",
                     names_json(grade->unknown, grade->unknown_count), "misfits", grade->misfit_count, "readings",
                     (json_int_t)grade->readings);
}

static json_t *steps_json(const Grade *grade, const Shard *shard)
{
    json_t *steps = json_array();
    for (int n = 0; n < grade->step_count; n++) {
        if (!shard_has_step(shard, n)) continue;
        json_t *object = json_pack("{s:i}", "step", n);
        shard_fields_write(object, shard_step_graded, &grade->steps[n]);
        json_array_append_new(steps, object);
    }
    return steps;
}

static int find_step(const Grade *grade, const char *tap)
{
    for (int n = 0; n < grade->step_count; n++)
        if (strcmp(grade->steps[n].tap, tap) == 0) return n;
    return -1;
}

/* A choice that the dump does not hold is no step; then nothing is shared out, and who has the ends has all. */
static json_t *ties_json(const Grade *grade, const Shard *shard)
{
    json_t *ties = json_array();
    for (int i = 0; i < grade->tie_count; i++) {
        int n = find_step(grade, grade->ties[i].tap);
        if (n >= 0 ? !shard_has_step(shard, n) : !shard_has_ends(shard)) continue;
        json_t *object = json_pack("{s:o, s:i}", "tap", text_json(grade->ties[i].tap), "step", n);
        shard_fields_write(object, shard_tie, &grade->ties[i]);
        json_array_append_new(ties, object);
    }
    return ties;
}

static json_t *ends_json_of(const Grade *grade, const Shard *shard)
{
    json_t *ends = json_array();
    if (!shard_has_ends(shard)) {
        json_decref(ends);
        return json_null();
    }
    for (int i = 0; i < grade->ends.count; i++) {
        json_t *object = json_pack("{s:i}", "step", find_step(grade, grade->ends.list[i].tap));
        shard_fields_write(object, shard_end, &grade->ends.list[i]);
        json_array_append_new(ends, object);
    }
    return ends;
}

json_t *report_shard_json(const Lockstep *lockstep)
{
    const Grade *grade = lockstep_grade_so_far(lockstep);
    const Shard *shard = lockstep_shard(lockstep);
    return json_pack("{s:o, s:o, s:o, s:o}", "listed", listed_json(grade), "steps", steps_json(grade, shard), "ties",
                     ties_json(grade, shard), "ends", ends_json_of(grade, shard));
}
