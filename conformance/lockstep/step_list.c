/* step_list.c - steps listed and concluded */
#include "lockstep/step_list.h"

#include <stdlib.h>
#include <string.h>

#include "dump/tap_name.h"
#include "names/layout_advice.h"
#include "noise/step_conclusion.h"

StepList step_list_new(const Dump *dump, const GradeOptions *options, const PaddingRows *rows, Grade *grade,
                       Error *error)
{
    return (StepList){ .dump = dump,
                       .options = options,
                       .rows = rows,
                       .error = error,
                       .grade = grade,
                       .known = allocate_zeroed((size_t)dump_count(dump) + 1, sizeof(bool)),
                       .current = -1 };
}

void step_list_clear(StepList *steps)
{
    Grade *grade = steps->grade;
    for (int n = 0; n < grade->step_count; n++) step_sums_free(&steps->sums[n]);
    grade->step_count = grade->not_graded_count = grade->tie_count = grade->misfit_count = 0;
    steps->listed = steps->too_few = false;
}

void step_list_free(StepList *steps)
{
    for (int n = 0; n < steps->grade->step_count; n++) step_sums_free(&steps->sums[n]);
    free(steps->sums);
    free(steps->known);
}

static bool is_wanted(const StepList *steps, const char *tap)
{
    if (!steps->options->only) return true;
    for (const char *const *glob = steps->options->only; *glob; glob++)
        if (tap_matches(*glob, tap)) return true;
    return false;
}

static void list_absent(StepList *steps, const Tap *tap)
{
    Grade *grade = steps->grade;
    if (grade->not_graded_count && strcmp(grade->not_graded[grade->not_graded_count - 1], tap->name) == 0) return;
    /* The last new token is chosen, but no module sees it, so no tap has it. */
    if (tap_is_token(tap->name) && tap_run(tap->name) == steps->pass.max_new_tokens) return;
    grade->not_graded = grown(grade->not_graded, grade->not_graded_count, sizeof *grade->not_graded);
    grade->not_graded[grade->not_graded_count++] = arena_format(&grade->arena, "%s", tap->name);
}

/* Notes that the dump's array has the tap's name, and a shape that does not lie on it. */
static void list_misfit(StepList *steps, const Tap *tap, const Array *backend)
{
    Grade *grade = steps->grade;
    LayoutAdvice advice = layout_advice(backend, tap->rank, tap->shape, steps->inputs);
    grade->misfits = grown(grade->misfits, grade->misfit_count, sizeof *grade->misfits);
    grade->misfits[grade->misfit_count++] = (Misfit){
        .tap = arena_format(&grade->arena, "%s", tap->name),
        .found = arena_format(&grade->arena, "%s", SHAPE_TEXT(backend->rank, backend->shape)),
        .expected = arena_format(&grade->arena, "%s", SHAPE_TEXT(tap->rank, tap->shape)),
        .advice = layout_advice_text(&advice, &grade->arena),
    };
}

static int list_step(StepList *steps, const Tap *tap, const Array *backend, RowMap row_map)
{
    Grade *grade = steps->grade;
    grade->steps = grown(grade->steps, grade->step_count, sizeof *grade->steps);
    steps->sums = grown(steps->sums, grade->step_count, sizeof *steps->sums);
    int n = grade->step_count++;

    Step *step = &grade->steps[n];
    *step = (Step){ .tap = arena_format(&grade->arena, "%s", tap->name),
                    .rank = tap->rank,
                    .absent = grade->not_graded_count,
                    .rows = row_map_rows(&row_map),
                    .tap_rows = row_map_tap_rows(&row_map),
                    .worst_row = -1,
                    .worst_channel = -1,
                    .worst_element = -1 };
    memcpy(step->shape, tap->shape, sizeof step->shape);
    bool named = tap_is_choice(tap->name);
    steps->sums[n] = step_sums_new(row_map, backend, named, steps->options->with_total && !named);
    steps->sums[n].flags = tap_holds_flags(tap->name);
    return n;
}

const Array *step_list_array(StepList *steps, const Tap *tap, RowMap *row_map)
{
    const Array *backend = dump_find(steps->dump, tap->name);
    if (!backend) return NULL;
    if (!steps->listed) steps->known[backend - dump_array(steps->dump, 0)] = true;
    /* Tokens are what a decode step is fed, so they are followed even where they are not graded. */
    if (!is_wanted(steps, tap->name) && !tap_is_token(tap->name)) return NULL;
    if (row_map_of(steps->rows, backend, tap, row_map)) return backend;
    if (steps->pass.logits_to_keep > 0)
        steps->too_few = true;
    else if (!tap_is_token(tap->name) && tap->first == 0)
        list_misfit(steps, tap, backend);
    else if (tap_is_token(tap->name))
        error_set(steps->error, "%s: %s: found shape %s, expected %s", backend->file, tap->name,
                  SHAPE_TEXT(backend->rank, backend->shape), SHAPE_TEXT(tap->rank, tap->shape));
    return NULL;
}

static bool is_inside(const char *tap, const char *layer)
{
    char of[256];
    return tap_unit_name(tap, of, sizeof of) && strcmp(of, layer) == 0 && strcmp(tap, layer) != 0;
}

/* In a layer of which the pass does not show all taps */
static int find_ahead(StepList *steps, const Tap *tap)
{
    const Grade *grade = steps->grade;
    char layer[256];
    if (!tap_unit_name(tap->name, layer, sizeof layer)) return -1;
    for (int n = steps->current + 1; n < grade->step_count && is_inside(grade->steps[n].tap, layer); n++)
        if (strcmp(grade->steps[n].tap, tap->name) == 0) return steps->current = n;
    return -1;
}

int step_list_find(StepList *steps, const Tap *tap)
{
    const Grade *grade = steps->grade;
    for (int n = steps->current; n <= steps->current + 1; n++)
        if (n >= 0 && n < grade->step_count && strcmp(grade->steps[n].tap, tap->name) == 0) return steps->current = n;
    if (steps->skips) return find_ahead(steps, tap);
    if (steps->listed) return -1;

    RowMap row_map;
    const Array *backend = step_list_array(steps, tap, &row_map);
    if (backend && is_wanted(steps, tap->name)) return steps->current = list_step(steps, tap, backend, row_map);
    list_absent(steps, tap);
    return -1;
}

void step_list_pass_over(StepList *steps, const char *layer)
{
    const Grade *grade = steps->grade;
    for (int n = steps->current + 1; n < grade->step_count && is_inside(grade->steps[n].tap, layer); n++)
        steps->current = n;
}

static void list_unknown(StepList *steps)
{
    Grade *grade = steps->grade;
    grade->unknown = allocate_zeroed((size_t)dump_count(steps->dump) + 1, sizeof *grade->unknown);
    for (int i = 0; i < dump_count(steps->dump); i++)
        if (!steps->known[i])
            grade->unknown[grade->unknown_count++] = arena_format(&grade->arena, "%s",
                                                                  dump_array(steps->dump, i)->name);
}

/* Arrays that nothing would make fit are of another case, or of other inputs. */
static bool most_would_fit(const Grade *grade)
{
    int fitting = 0;
    for (int i = 0; i < grade->misfit_count; i++)
        fitting += strcmp(grade->misfits[i].advice, layout_advice_nothing) != 0;
    return 2 * fitting > grade->misfit_count;
}

/* No step is left to grade: for want of known names, or because of the shapes that the arrays have. */
static void refuse_empty(StepList *steps)
{
    if (error_is_set(steps->error)) return;
    if (steps->options->nothing_left) *steps->options->nothing_left = true;
    const Misfit *first = steps->grade->misfits;
    const char *file = dump_count(steps->dump) ? dump_array(steps->dump, 0)->file : "dump";
    int known = 0;
    for (int i = 0; i < dump_count(steps->dump); i++) known += steps->known[i];
    if (steps->grade->misfit_count > 0)
        error_set(steps->error, "%s: %s: found shape %s, expected %s, and no other array that can be graded; %s%s",
                  file, first->tap, first->found, first->expected, first->advice,
                  most_would_fit(steps->grade) ? "" : "; is it a dump of this case, and of its inputs?");
    else if (known > 0)
        error_set(steps->error, "%s: found %d taps, and none of them is asked for, expected one that is", file, known);
    else
        error_set(steps->error,
                  "%s: found %d arrays and no known tap among them, expected names like model.embed_vision", file,
                  dump_count(steps->dump));
}

void step_list_conclude_next(StepList *steps)
{
    Grade *grade = steps->grade;
    int n = steps->concluded++;
    if (n == 0) grade->first_bent = -1;
    if (steps->shard && !shard_has_step(steps->shard, n)) return;
    step_sums_conclude(&steps->sums[n], grade->class, &grade->steps[n]);
    if (grade->steps[n].verdict != VERDICT_PASS && grade->first_bent < 0) grade->first_bent = n;
    if (steps->options->graded) steps->options->graded(steps->options->progress_context, grade, n);
}

void step_list_conclude(StepList *steps)
{
    Grade *grade = steps->grade;
    if (grade->step_count == 0) grade->first_bent = -1;
    while (steps->concluded < grade->step_count) step_list_conclude_next(steps);
    list_unknown(steps);
    if (grade->step_count == 0) refuse_empty(steps);
}
