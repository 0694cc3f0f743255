/* merged_grade.c - steps and ends of shards, one by one */
#include "command/merged_grade.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "dump/tap_name.h"
#include "lockstep/ends.h"

/* Values that no float32 has, as a grade counts them; -1 where the array has another number of elements */
static int64_t count_nonfinite(const Array *array, const Step *step)
{
    int64_t count = 0, elements, width = step->shape[step->rank - 1];
    if (__builtin_mul_overflow(step->rows, width, &elements) || elements != array_elements(array)) return -1;
    double *row = allocate_zeroed((size_t)width + 1, sizeof *row);
    for (int64_t n = 0; n < elements; n += width) {
        array_read_f64(array, n, width, row);
        for (int64_t j = 0; j < width; j++) count += !(fabs(row[j]) <= FLT_MAX);
    }
    free(row);
    return count;
}

static void check_step(const Step *step, const Dump *dump, const GradeCommand *command, Error *error)
{
    int samples = command->samples > 0 ? command->samples : SAMPLES;
    const Array *array = dump_find(dump, step->tap);
    if (!array || !globs_match(&command->only, step->tap))
        error_set(error, "%s: found among the shards' steps, expected steps that their command grades", step->tap);
    else if (count_nonfinite(array, step) != step->non_finite)
        error_set(error, "%s: %s: found other rows than the shards did, or other values that are no numbers, expected "
                         "the same", array->file, step->tap);
    else if (step->samples != samples)
        error_set(error, "%s: found %d samples, expected %d as in the shards' command", step->tap, step->samples,
                  samples);
}

/* An array that is no step of the shards is one that they do not know, or that their command leaves out. */
static void check_arrays(const Grade *grade, const Dump *dump, const GradeCommand *command, Error *error)
{
    bool *known = allocate_zeroed((size_t)dump_count(dump) + 1, sizeof *known);
    for (int n = 0; n < grade->step_count + grade->unknown_count; n++) {
        const char *name = n < grade->step_count ? grade->steps[n].tap : grade->unknown[n - grade->step_count];
        const Array *array = dump_find(dump, name);
        if (array) known[array - dump_array(dump, 0)] = true;
    }
    for (int i = 0; i < dump_count(dump) && !error_is_set(error); i++) {
        const Array *array = dump_array(dump, i);
        if (!known[i] && globs_match(&command->only, array->name))
            error_set(error, "%s: %s: found no step of the shards, expected one", array->file, array->name);
    }
    free(known);
}

/* As a shard measures them, which never looks twice */
static void check_ends(Grade *grade, Error *error)
{
    const EndLimits *limits = &grade->class->ends;
    int i = 0;
    for (int n = 0; n < grade->step_count && !error_is_set(error); n++) {
        if (!ends_is_one(grade, n)) continue;
        End *end = i < grade->ends.count ? &grade->ends.list[i++] : NULL;
        if (!end || end->tap != grade->steps[n].tap || end->logits != tap_is(end->tap, "logits") ||
            end->replays != FREE_REPLAYS) {
            error_set(error, "%s: found no end of the shards, expected one of %d replays", grade->steps[n].tap,
                      FREE_REPLAYS);
            return;
        }
        end->ratio_limit = limits->ratio;
        end->row_limit = end->worst_row >= 0 ? limits->row : 0;
        end->root_limit = end->logits ? limits->root : 0;
    }
    if (i < grade->ends.count)
        error_set(error, "%s: found an end of the shards, expected none", grade->ends.list[i].tap);
}

void merged_grade_check(Grade *grade, const Dump *dump, const GradeCommand *command, Error *error)
{
    for (int n = 0; n < grade->step_count && !error_is_set(error); n++)
        check_step(&grade->steps[n], dump, command, error);
    check_arrays(grade, dump, command, error);
    check_ends(grade, error);
}
