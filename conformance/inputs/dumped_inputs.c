/* dumped_inputs.c - the steps before the model put in front of the model's */
#include "inputs/dumped_inputs.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "inputs/diagnose_patches.h"

struct DumpedInputs {
    const Pictures *pictures;
    const ArithmeticClass *class;
    DumpedPatches found;
    PatchGrade grade;
    HonestPreprocessing way;
    Patches expected; /* what the dump leaves out is taken from here: honest, or as the named bugs make it */
    Patches given;    /* what the model is given */
    Error unfit;      /* why it is given nothing */
    Arena arena;
};

DumpedInputs *dumped_inputs_open(const Pictures *pictures, const Dump *dump, const ArithmeticClass *class,
                                 const char *const *only, Error *error)
{
    if (!pictures) return NULL;
    DumpedInputs *j = allocate_zeroed(1, sizeof *j);
    j->pictures = pictures;
    j->class = class;
    j->found = dumped_patches_open(dump, pictures, only, error);
    if (error_is_set(error) || (!j->found.pixel_values && !j->found.image_position_ids)) {
        dumped_inputs_close(j);
        return NULL;
    }
    j->grade = grade_patches_honestly(&j->found, pictures, class, &j->way, &j->arena);
    Preprocessing how = honest_preprocessing(pictures, j->way);
    j->expected = preprocess(pictures, &how, &j->arena);
    return j;
}

void dumped_inputs_close(DumpedInputs *judged)
{
    if (!judged) return;
    dumped_patches_close(&judged->found);
    arena_free(&judged->arena);
    free(judged);
}

/* ---------------------------------------------------------------- what the model is given */

/* [pictures, length, width] of an array that is shorter or longer, which is padded with `padding` */
static Array fitted(const Array *from, int64_t length, int padding, Arena *arena)
{
    int64_t pictures = from->shape[0], width = from->shape[2], common = from->shape[1];
    size_t row = (size_t)width * dtype_size(from->dtype);
    Array to = *from;
    to.shape[1] = length;
    unsigned char *data = arena_allocate(arena, (size_t)(pictures * length) * row);
    to.data = memset(data, padding, (size_t)(pictures * length) * row);
    if (common > length) common = length;
    for (int64_t i = 0; i < pictures; i++)
        memcpy(data + (size_t)(i * length) * row, from->data + (size_t)(i * from->shape[1]) * row,
               (size_t)common * row);
    return to;
}

static Array of_dump(const Array *array, Dtype dtype, const void *values, int64_t pictures, int64_t length,
                     int64_t width)
{
    return (Array){ .file = array->file,
                    .name = array->name,
                    .dtype = dtype,
                    .rank = 3,
                    .shape = { pictures, length, width },
                    .data = values };
}

/* Puts the dump's patches in the place of the reference's, or says why the model cannot be given them. */
static Inputs given_inputs(DumpedInputs *j, const Model *model, const Inputs *inputs, Error *error)
{
    const DumpedPatches *found = &j->found;
    int64_t length = found->values ? found->value_length : found->position_length;
    Inputs given = *inputs;
    if ((found->pixel_values && !found->values) || (found->image_position_ids && !found->positions))
        error_set(error, "found pixel_values or image_position_ids of another layout");
    else if (found->values && found->positions && found->value_length != found->position_length)
        error_set(error, "found pixel_values of %lld patches and image_position_ids of %lld",
                  (long long)found->value_length, (long long)found->position_length);
    if (error_is_set(error)) return given;

    j->given.pixel_values = found->values ? of_dump(found->pixel_values, DTYPE_F32, found->values, found->pictures,
                                                    length, found->width)
                                          : fitted(&j->expected.pixel_values, length, 0, &j->arena);
    j->given.image_position_ids = found->positions ? of_dump(found->image_position_ids, DTYPE_I64, found->positions,
                                                             found->pictures, length, 2)
                                                   : fitted(&j->expected.image_position_ids, length, 0xff, &j->arena);
    given.pixel_values = &j->given.pixel_values;
    given.image_position_ids = &j->given.image_position_ids;
    model_check(model, &given, error);
    return given;
}

/* ---------------------------------------------------------------- grades */

bool is_other_input(const char *name)
{
    static const char *const names[] = { "input_ids",           "attention_mask",     "position_ids",
                                         "mm_token_type_ids",   "input_features",     "input_features_mask",
                                         "pixel_values_videos", "video_position_ids", "num_frames_per_video" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

static bool holds_more(const Dump *dump)
{
    for (int i = 0; i < dump_count(dump); i++)
        if (!is_of_preprocessing(dump_array(dump, i)->name) && !is_other_input(dump_array(dump, i)->name)) return true;
    return false;
}

/* The grade of a dump whose taps of the model are not graded */
static Grade *empty_grade(const Dump *dump, const ArithmeticClass *class, const char *why)
{
    Grade *grade = allocate_zeroed(1, sizeof *grade);
    grade->class = grade->declared = class;
    grade->first_bent = -1;
    grade->not_graded = allocate_zeroed((size_t)dump_count(dump) + 1, sizeof *grade->not_graded);
    grade->unknown = allocate_zeroed((size_t)dump_count(dump) + 1, sizeof *grade->unknown);
    for (int i = 0; i < dump_count(dump); i++) {
        const char *name = arena_format(&grade->arena, "%s", dump_array(dump, i)->name);
        if (is_other_input(name))
            grade->unknown[grade->unknown_count++] = name;
        else if (!is_of_preprocessing(name))
            grade->not_graded[grade->not_graded_count++] = name;
    }
    if (grade->not_graded_count > 0) grade->model_not_graded_because = arena_format(&grade->arena, "%s", why);
    return grade;
}

static void put_steps_in_front(const PatchGrade *patches, Grade *grade)
{
    size_t count = (size_t)patches->count;
    Step *steps = allocate_zeroed(count + (size_t)grade->step_count, sizeof *steps);
    for (size_t n = 0; n < count; n++) {
        steps[n] = patches->steps[n];
        if (steps[n].note) steps[n].note = arena_format(&grade->arena, "%s", steps[n].note);
    }
    if (grade->step_count) memcpy(steps + count, grade->steps, (size_t)grade->step_count * sizeof *steps);
    free(grade->steps);
    grade->steps = steps;
    grade->step_count += (int)count;
    if (grade->first_bent >= 0) grade->first_bent += (int)count;
    for (int n = (int)count - 1; n >= 0; n--)
        if (steps[n].verdict != VERDICT_PASS) grade->first_bent = n;

    int kept = 0;
    for (int i = 0; i < grade->unknown_count; i++)
        if (!is_of_preprocessing(grade->unknown[i])) grade->unknown[kept++] = grade->unknown[i];
    grade->unknown_count = kept;
}

bool dumped_inputs_give(DumpedInputs *judged, const Model *model, const Dump *dump, const Inputs *inputs, Inputs *given)
{
    *given = *inputs;
    if (!judged) return true;
    *given = given_inputs(judged, model, inputs, &judged->unfit);
    return !error_is_set(&judged->unfit) && holds_more(dump);
}

Grade *dumped_inputs_grade(const DumpedInputs *judged, const Dump *dump, Grade *of_model)
{
    if (!judged) return of_model;
    Grade *grade = of_model ? of_model : empty_grade(dump, judged->class, judged->unfit.message);
    put_steps_in_front(&judged->grade, grade);
    return grade;
}

/* ---------------------------------------------------------------- diagnoses */

static bool is_among(const Bug *const *bugs, int count, const Bug *bug)
{
    for (int i = 0; i < count; i++)
        if (bugs[i] == bug) return true;
    return false;
}

static bool is_candidate(const Diagnosis *d, const Bug *bug)
{
    for (int i = 0; i < d->candidate_count; i++)
        if (d->candidates[i].bug == bug) return true;
    return false;
}

static void append_bugs(const Bug **list, int *count, const Bug *const *more, int more_count)
{
    for (int i = 0; i < more_count; i++)
        if (!is_among(list, *count, more[i])) list[(*count)++] = more[i];
}

/* Adds the model's diagnosis to that of the pictures; bugs that were named first stay first. */
static void join(Diagnosis *d, Diagnosis *model)
{
    if (d->named_count == 0) append_bugs(d->equals, &d->equal_count, model->equals, model->equal_count);
    append_bugs(d->named, &d->named_count, model->named, model->named_count);
    d->complete = d->complete && model->complete;
    if (model->unexplained && !d->pattern) {
        d->unexplained = arena_format(&d->arena, "%s", model->unexplained);
        d->pattern = arena_format(&d->arena, "%s", model->pattern);
    }
    for (int i = 0; i < model->candidate_count; i++) {
        Candidate *to = &d->candidates[d->candidate_count];
        if (is_candidate(d, model->candidates[i].bug)) continue;
        *to = model->candidates[i];
        if (to->step) to->step = arena_format(&d->arena, "%s", to->step);
        d->candidate_count++;
    }
    int kept = 0;
    for (int i = 0; i < d->not_exposed_count; i++)
        if (!is_candidate(d, d->not_exposed[i])) d->not_exposed[kept++] = d->not_exposed[i];
    d->not_exposed_count = kept;
    for (int i = 0; i < bug_count(); i++)
        if (!is_candidate(d, bug_at(i)) && !is_among(d->not_exposed, d->not_exposed_count, bug_at(i)))
            d->not_exposed[d->not_exposed_count++] = bug_at(i);
}

Diagnosis *diagnose_with_inputs(DumpedInputs *judged, const Trial *trial, Grade **grade, Error *error)
{
    if (!judged) return diagnose(trial, grade, error);
    PatchTrial patches = { judged->pictures, &judged->found, trial->class, &judged->grade, judged->way };
    Diagnosis *d = diagnose_patches(&patches, &judged->expected, &judged->arena);
    Inputs given;
    Trial with_given = *trial;
    with_given.inputs = &given;
    bool goes_on = dumped_inputs_give(judged, trial->model, trial->dump, trial->inputs, &given);
    Diagnosis *of_model = goes_on ? diagnose(&with_given, grade, error) : diagnosis_new();
    if (!goes_on) {
        *grade = NULL;
        of_model->complete = true;
    }
    if (of_model) {
        *grade = dumped_inputs_grade(judged, trial->dump, *grade);
        join(d, of_model);
    } else {
        diagnosis_free(d);
        d = NULL;
    }
    diagnosis_free(of_model);
    return d;
}
