/* report_shards.c - shards' parts made one grade again */
#include <stdlib.h>

#include "report/report_shard.h"
#include "report/shard_fields.h"
#include "run/shown_text.h"

typedef struct {
    const ShardReports *reports;
    Grade *grade;
    const char **from; /* the file that each step is from */
    const char *ends_from;
    Error *error;
} Joining;

static void refuse(Joining *j, int shard)
{
    error_set(j->error, "%s: found a shard whose steps are not as plumb grade --shard writes them, expected those",
              j->reports->paths[shard]);
}

/* ---------------------------------------------------------------- what all shards say alike */

static const char *text_of(Grade *grade, const json_t *text)
{
    return json_is_string(text) ? arena_format(&grade->arena, "%s", json_string_value(text)) : NULL;
}

static const char **copy_names(Joining *j, const json_t *names, int *count)
{
    const char **list = allocate_zeroed(json_array_size(names) + 1, sizeof *list);
    for (size_t i = 0; i < json_array_size(names); i++) {
        list[i] = text_of(j->grade, json_array_get(names, i));
        if (list[i]) (*count)++;
    }
    if ((size_t)*count != json_array_size(names)) refuse(j, 0);
    return list;
}

/* The elements of the first dimensions; -1 where no number is so large */
static int64_t elements_of(const Step *step, int dimensions)
{
    int64_t elements = 1;
    for (int i = 0; i < dimensions; i++)
        if (step->shape[i] < 0 || __builtin_mul_overflow(elements, step->shape[i], &elements)) return -1;
    return elements;
}

static void list_step(Joining *j, const json_t *listed)
{
    Step *step = &j->grade->steps[j->grade->step_count++];
    const json_t *shape = json_object_get(listed, "shape");
    step->tap = text_of(j->grade, json_object_get(listed, "tap"));
    bool read = shard_fields_read(listed, shard_step_listed, step) && step->tap;
    bool fits = read && SHOWN_TEXT(step->tap) == step->tap && step->rank >= 1 && step->rank <= TENSOR_MAX_RANK &&
                step->absent >= 0 && json_array_size(shape) == (size_t)step->rank;
    for (int i = 0; fits && i < step->rank; i++) step->shape[i] = json_integer_value(json_array_get(shape, (size_t)i));
    if (!fits || elements_of(step, step->rank) < 0) refuse(j, 0);
}

static void list_all(Joining *j)
{
    Grade *grade = j->grade;
    const json_t *listed = json_object_get(j->reports->shards[0], "listed"), *steps = json_object_get(listed, "steps");
    if (!json_is_object(listed)) refuse(j, 0);
    for (int i = 0; i < j->reports->count; i++)
        if (!json_equal(json_object_get(j->reports->shards[i], "listed"), (json_t *)listed))
            error_set(j->error, "%s: found other steps than in %s, expected shards of one dump", j->reports->paths[i],
                      j->reports->paths[0]);
    grade->steps = allocate_zeroed(json_array_size(steps) + 1, sizeof *grade->steps);
    grade->readings = (unsigned)json_integer_value(json_object_get(listed, "readings"));
    for (size_t i = 0; i < json_array_size(steps); i++) list_step(j, json_array_get(steps, i));
    grade->not_graded = copy_names(j, json_object_get(listed, "not_graded"), &grade->not_graded_count);
    grade->unknown = copy_names(j, json_object_get(listed, "unknown"), &grade->unknown_count);
    j->from = allocate_zeroed((size_t)grade->step_count + 1, sizeof *j->from);
}

/* ---------------------------------------------------------------- what each has found */

/* The step that an object is of; -1 */
static int step_of(const Joining *j, const json_t *object)
{
    const json_t *number = json_object_get(object, "step");
    json_int_t n = json_integer_value(number);
    return json_is_integer(number) && n >= 0 && n < j->grade->step_count ? (int)n : -1;
}

/* -1: none. What lies in no element would be said to lie somewhere. */
static bool lies_in(int64_t place, int64_t count) { return place >= -1 && place < count; }

static bool places_fit(const Step *step)
{
    return lies_in(step->worst_row, elements_of(step, step->rank - 1)) &&
           lies_in(step->worst_channel, step->shape[step->rank - 1]) &&
           lies_in(step->worst_element, elements_of(step, step->rank));
}

static void take_step(Joining *j, int shard, const json_t *object)
{
    int n = step_of(j, object);
    if (n < 0 || !shard_fields_read(object, shard_step_graded, &j->grade->steps[n]) ||
        !places_fit(&j->grade->steps[n])) {
        refuse(j, shard);
        return;
    }
    if (j->from[n])
        error_set(j->error, "%s: found %s, which %s has too, expected each step once", j->reports->paths[shard],
                  j->grade->steps[n].tap, j->from[n]);
    j->from[n] = j->reports->paths[shard];
}

static void take_ends(Joining *j, int shard, const json_t *ends)
{
    Ends *to = &j->grade->ends;
    if (!json_is_array(ends)) return;
    if (j->ends_from)
        error_set(j->error, "%s: found ends, which %s has too, expected them once", j->reports->paths[shard],
                  j->ends_from);
    if (error_is_set(j->error)) return;
    j->ends_from = j->reports->paths[shard];
    to->list = allocate_zeroed(json_array_size(ends) + 1, sizeof *to->list);
    for (size_t i = 0; i < json_array_size(ends); i++) {
        const json_t *object = json_array_get(ends, i);
        int n = step_of(j, object);
        const Step *step = n < 0 ? NULL : &j->grade->steps[n];
        End *end = &to->list[to->count];
        if (!step || !shard_fields_read(object, shard_end, end) ||
            !lies_in(end->worst_row, elements_of(step, step->rank - 1))) {
            refuse(j, shard);
            return;
        }
        end->tap = step->tap;
        to->count++;
    }
}

enum { EACH = -2 };

/* Ties of a step; or of each, in the shard's order */
static void take_ties(Joining *j, int shard, int n)
{
    size_t i;
    const json_t *object;
    json_array_foreach((json_t *)json_object_get(j->reports->shards[shard], "ties"), i, object)
    {
        Tie tie = { .tap = json_string_value(json_object_get(object, "tap")) };
        if (!tie.tap || !shard_fields_read(object, shard_tie, &tie))
            refuse(j, shard);
        else if (n == EACH || step_of(j, object) == n)
            grade_add_tie(j->grade, tie);
    }
}

/* A choice that the dump leaves open is no step; then nothing is shared out, and one shard has all ties. */
static void order_ties(Joining *j)
{
    int have = 0, one = 0;
    for (int shard = 0; shard < j->reports->count; shard++) {
        if (json_array_size(json_object_get(j->reports->shards[shard], "ties")) == 0) continue;
        have++;
        one = shard;
    }
    if (have == 1) take_ties(j, one, EACH);
    for (int n = 0; n < j->grade->step_count && have > 1; n++)
        for (int shard = 0; shard < j->reports->count; shard++) take_ties(j, shard, n);
}

static void check_whole(const Joining *j)
{
    for (int n = 0; n < j->grade->step_count; n++)
        if (!j->from[n]) error_set(j->error, "found no shard with %s, expected each step once", j->grade->steps[n].tap);
    if (!j->ends_from) error_set(j->error, "found no shard with the ends of parts, expected one");
}

static void join(Joining *j)
{
    size_t i;
    const json_t *object;
    for (int shard = 0; shard < j->reports->count && !error_is_set(j->error); shard++) {
        const json_t *of = j->reports->shards[shard];
        json_array_foreach((json_t *)json_object_get(of, "steps"), i, object) take_step(j, shard, object);
        take_ends(j, shard, json_object_get(of, "ends"));
    }
    if (!error_is_set(j->error)) check_whole(j);
    if (!error_is_set(j->error)) order_ties(j);
    j->grade->first_bent = -1;
    for (int n = j->grade->step_count - 1; n >= 0; n--)
        if (j->grade->steps[n].verdict != VERDICT_PASS) j->grade->first_bent = n;
}

Grade *report_shards_grade(const ShardReports *reports, Error *error)
{
    Joining j = { .reports = reports, .grade = allocate_zeroed(1, sizeof *j.grade), .error = error };
    list_all(&j);
    if (!error_is_set(error)) join(&j);
    free(j.from);
    if (!error_is_set(error)) return j.grade;
    grade_free(j.grade);
    return NULL;
}
