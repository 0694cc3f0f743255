/* grade_status.c - what a grade exits with */
#include "command/grade_status.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/show_nearest.h"
#include "dump/decode_steps.h"
#include "inputs/dumped_patches.h"
#include "names/proposals.h"
#include "names/tap_values.h"
#include "names/turned_values.h"
#include "report/report_grade.h"
#include "run/shown_text.h"

static bool is_left_in(const GradeCommand *command, const char *name)
{
    const Globs *excluded = &command->names.excluded;
    return globs_match(&command->only, name) && !(excluded->count > 0 && globs_match(excluded, name));
}

static int count_left_in(const GradeCommand *command, const char *const *names, int count)
{
    int left_in = 0;
    for (int i = 0; i < count; i++) left_in += is_left_in(command, names[i]);
    return left_in;
}

static void look_strictly(const Grade *grade, GradeCommand *command)
{
    char *failure = command->report.strict_failure;
    size_t size = sizeof command->report.strict_failure;
    int missing = count_left_in(command, grade->not_graded, grade->not_graded_count),
        unknown = count_left_in(command, grade->unknown, grade->unknown_count),
        unused = (int)json_array_size(command->names.unused), partial = grade_partial_steps(grade);
    if (grade->class != grade->declared) {
        snprintf(failure, size, "found %s, which %s does not declare", grade->class->name, grade->declared->name);
        return;
    }
    if (missing + unknown + unused + partial == 0) return;
    int length = snprintf(failure, size, "%d taps missing, %d names unknown", missing, unknown);
    if (partial > 0)
        length += snprintf(failure + length, size - (size_t)length, ", %d taps of fewer rows than were computed",
                           partial);
    if (unused > 0) snprintf(failure + length, size - (size_t)length, ", %d entries of --names unused", unused);
}

static bool has_step(const Grade *grade, const char *glob)
{
    for (int n = 0; n < grade->step_count; n++)
        if (fnmatch(glob, grade->steps[n].tap, 0) == 0) return true;
    return false;
}

/* How many arrays that are no tap have the values of one that the dump lacks: nobody graded them, because of their
 * names. */
static int count_misnamed(const Grade *grade, const Dump *dump, const GradeCommand *command)
{
    NamesCase c = { .model = command->c.model,
                    .inputs = &command->c.inputs,
                    .max_new_tokens = decode_steps_new_tokens(dump) };
    int misnamed = 0;
    if (count_left_in(command, grade->unknown, grade->unknown_count) == 0 || grade->not_graded_count == 0) return 0;
    Proposals proposals = proposals_of(dump, &c);
    for (int i = 0; i < grade->unknown_count; i++) {
        const Proposal *p = proposals_find(&proposals, grade->unknown[i]);
        bool has_values = p && (p->by_value >= 0 || p->fused.count > 0);
        misnamed += has_values && is_left_in(command, grade->unknown[i]);
    }
    proposals_free(&proposals);
    names_case_free(&c);
    return misnamed;
}

/* A port may hold a tap twice, or a few of its own names may hide one. So many arrays that do are one in this many. */
enum { MISNAMED_PART = 4 };

/* Why straight steps say too little of the dump; NULL: they do not */
static const char *incompleteness(Grade *grade, const Dump *dump, const GradeCommand *command)
{
    int arrays = dump_count(dump), understood = arrays - grade->unknown_count - grade->misfit_count;
    for (int i = 0; i < grade->unknown_count; i++) understood += is_other_input(grade->unknown[i]);
    if (2 * understood < arrays)
        return arena_format(&grade->arena, "%d of the dump's %d arrays are understood, fewer than half", understood,
                            arrays);
    for (int i = 0; i < command->asked.count; i++)
        if (!has_step(grade, command->asked.globs[i]))
            return arena_format(&grade->arena, "none is of --only %s", command->asked.globs[i]);
    if (grade->misfit_count > 0)
        return arena_format(&grade->arena, "%d array%s another shape and %s not graded", grade->misfit_count,
                            grade->misfit_count > 1 ? "s have" : " has", grade->misfit_count > 1 ? "were" : "was");
    if (MISNAMED_PART * command->names.misnamed >= arrays)
        return arena_format(&grade->arena,
                            "%d of the dump's %d arrays have the values of taps that it lacks, under other names, and "
                            "were not graded",
                            command->names.misnamed, arrays);
    return NULL;
}

Status grade_status(Grade *grade, const Dump *dump, GradeCommand *command)
{
    command->names.misnamed = grade->first_bent < 0 ? count_misnamed(grade, dump, command) : 0;
    if (!command->partial) grade->incomplete_because = incompleteness(grade, dump, command);
    if (command->report.strict) look_strictly(grade, command);
    if (grade->first_bent >= 0 || grade_far_end(grade) || *command->report.strict_failure) return STATUS_FAIL;
    return grade->incomplete_because || strcmp(report_verdict(grade), "none") == 0 ? STATUS_NOTHING : STATUS_PASS;
}

static void show_misfit(const Proposal *p, const NamesCase *c)
{
    Arena arena = { 0 };
    const ListedTap *tap = &c->taps.taps[p->tap];
    printf("not graded: %s: found %s, expected %s; %s\n", SHOWN_TEXT(p->array->name),
           SHAPE_TEXT(p->array->rank, p->array->shape), SHAPE_TEXT(tap->rank, tap->shape),
           layout_advice_text(&p->advice, &arena));
    arena_free(&arena);
}

Status refused_status(GradeCommand *command, const Dump *dump)
{
    NamesCase c = { .model = command->c.model,
                    .inputs = &command->c.inputs,
                    .max_new_tokens = decode_steps_named_tokens(dump) };
    Proposals proposals = proposals_of(dump, &c);
    const char **unknown = allocate_zeroed((size_t)proposals.count + 1, sizeof *unknown);
    int known = 0, fitting = 0;
    bool text = !command->report.path || strcmp(command->report.path, "-") != 0;
    for (int i = 0; i < proposals.count; i++) {
        const Proposal *p = &proposals.all[i];
        known += p->tap >= 0;
        fitting += p->tap >= 0 && p->fits;
        unknown[i] = p->array->name;
    }
    if (known == 0 && text) show_nearest_of(stdout, dump, unknown, proposals.count, &c);
    for (int i = 0; i < proposals.count && fitting == 0 && text; i++)
        if (proposals.all[i].tap >= 0) show_misfit(&proposals.all[i], &c);
    free(unknown);
    proposals_free(&proposals);
    names_case_free(&c);
    return known == 0 || (fitting > 0 && command->only.count > 0) ? STATUS_NOTHING : STATUS_BAD_INPUT;
}

/* Steps that are bent by so much that their arrays may lie in another order of axes, and those that do */
static void turned_text(FILE *out, const Grade *grade, const Dump *dump, NamesCase *c)
{
    const char **bent = allocate_zeroed((size_t)grade->step_count + 1, sizeof *bent);
    int count = 0;
    for (int n = 0; n < grade->step_count; n++)
        if (grade->steps[n].verdict != VERDICT_PASS && !(grade->steps[n].introduced <= VALUES_NEAR))
            bent[count++] = grade->steps[n].tap;
    TurnedValues turned = turned_values_of(dump, bent, count, c);
    for (int i = 0; i < turned.count; i++)
        fprintf(out, "another order of axes: %s has its tap's values with %s in a map (docs/names.md)\n",
                turned.list[i].tap, turned.list[i].operation);
    turned_values_free(&turned);
    free(bent);
}

void names_left_text(FILE *out, const GradeCommand *command, const Grade *grade, const Dump *dump)
{
    NamesCase c = { .model = command->c.model,
                    .inputs = &command->c.inputs,
                    .max_new_tokens = decode_steps_new_tokens(dump) };
    size_t unused = json_array_size(command->names.unused);
    if (unused > 0)
        fprintf(out, "entries of %s that fit no array of the dump: %zu (plumb names lists them)\n",
                SHOWN_TEXT(command->names.map), unused);
    if (command->names.misnamed > 0)
        fprintf(out,
                "arrays of other names that have the values of taps that the dump lacks: %d (plumb names lists them)\n",
                command->names.misnamed);
    if (grade->incomplete_because && grade->unknown_count > 0)
        show_nearest_of(out, dump, grade->unknown, grade->unknown_count, &c);
    turned_text(out, grade, dump, &c);
    names_case_free(&c);
}

void check_only(const GradeCommand *command, const Dump *dump, Error *error)
{
    const Globs *only = &command->asked;
    for (int i = 0; i < dump_count(dump); i++)
        if (globs_match(only, dump_array(dump, i)->name)) return;
    if (only->count > 0 && dump_count(dump) > 0)
        error_set(error,
                  "--only: found %s, which matches none of the dump's %d arrays, expected a name or a glob, like %s",
                  only->globs[0], dump_count(dump), dump_array(dump, 0)->name);
}
