/* dumped_inputs.c - the steps before the model put in front of the model's */
#include "inputs/dumped_inputs.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "inputs/diagnose_patches.h"
#include "inputs/dumped_sounds.h"
#include "inputs/joined_diagnoses.h"

struct DumpedInputs {
    const Pictures *pictures; /* NULL: no patches are judged, and what follows about them is empty */
    const ArithmeticClass *class;
    DumpedSounds *sounds; /* NULL: none are judged */
    DumpedPatches found;
    PatchGrade grade;
    HonestPreprocessing way;
    Patches expected; /* what the dump leaves out is taken from here: honest, or as the named bugs make it */
    Patches given;    /* what the model is given */
    Error unfit;      /* why it is given nothing */
    Arena arena;
};

static void open_patches(DumpedInputs *j, const Pictures *pictures, const Dump *dump, const char *const *only,
                         Error *error)
{
    if (pictures) j->found = dumped_patches_open(dump, pictures, only, error);
    if (error_is_set(error) || (!j->found.pixel_values && !j->found.image_position_ids)) return;
    j->pictures = pictures;
    j->grade = grade_patches_honestly(&j->found, pictures, j->class, &j->way, &j->arena);
    Preprocessing how = honest_preprocessing(pictures, j->way);
    j->expected = preprocess(pictures, &how, &j->arena);
}

DumpedInputs *dumped_inputs_open(const Pictures *pictures, const Clips *clips, const Dump *dump,
                                 const ArithmeticClass *class, const char *const *only, Error *error)
{
    DumpedInputs *j = allocate_zeroed(1, sizeof *j);
    j->class = class;
    open_patches(j, pictures, dump, only, error);
    if (!error_is_set(error)) j->sounds = dumped_sounds_open(clips, dump, class, only, error);
    if (!error_is_set(error) && (j->pictures || j->sounds)) return j;
    dumped_inputs_close(j);
    return NULL;
}

void dumped_inputs_close(DumpedInputs *judged)
{
    if (!judged) return;
    dumped_patches_close(&judged->found);
    dumped_sounds_close(judged->sounds);
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
    unsigned char *data = arena_allocate(arena, checked_size(pictures, length, row));
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
static void give_patches(DumpedInputs *j, Inputs *given, Error *error)
{
    const DumpedPatches *found = &j->found;
    int64_t length = found->values ? found->value_length : found->position_length;
    if ((found->pixel_values && !found->values) || (found->image_position_ids && !found->positions))
        error_set(error, "found pixel_values or image_position_ids of another layout");
    else if (found->values && found->positions && found->value_length != found->position_length)
        error_set(error, "found pixel_values of %lld patches and image_position_ids of %lld",
                  (long long)found->value_length, (long long)found->position_length);
    if (error_is_set(error)) return;

    j->given.pixel_values = found->values ? of_dump(found->pixel_values, DTYPE_F32, found->values, found->pictures,
                                                    length, found->width)
                                          : fitted(&j->expected.pixel_values, length, 0, &j->arena);
    j->given.image_position_ids = found->positions ? of_dump(found->image_position_ids, DTYPE_I64, found->positions,
                                                             found->pictures, length, 2)
                                                   : fitted(&j->expected.image_position_ids, length, 0xff, &j->arena);
    given->pixel_values = &j->given.pixel_values;
    given->image_position_ids = &j->given.image_position_ids;
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

/* Whether an array is graded here, before the model */
static bool is_judged(const DumpedInputs *j, const char *name)
{
    return (j->pictures && is_of_preprocessing(name)) || (j->sounds && is_of_sounds(name));
}

static bool is_input(const char *name) { return is_of_preprocessing(name) || is_other_input(name); }

static bool holds_more(const Dump *dump)
{
    for (int i = 0; i < dump_count(dump); i++)
        if (!is_input(dump_array(dump, i)->name)) return true;
    return false;
}

/* The grade of a dump whose taps of the model are not graded */
static Grade *empty_grade(const DumpedInputs *j, const Dump *dump)
{
    Grade *grade = allocate_zeroed(1, sizeof *grade);
    grade->class = grade->declared = j->class;
    grade->first_bent = -1;
    grade->not_graded = allocate_zeroed((size_t)dump_count(dump) + 1, sizeof *grade->not_graded);
    grade->unknown = allocate_zeroed((size_t)dump_count(dump) + 1, sizeof *grade->unknown);
    for (int i = 0; i < dump_count(dump); i++) {
        const char *name = arena_format(&grade->arena, "%s", dump_array(dump, i)->name);
        if (is_judged(j, name)) continue;
        if (is_input(name))
            grade->unknown[grade->unknown_count++] = name;
        else
            grade->not_graded[grade->not_graded_count++] = name;
    }
    if (grade->not_graded_count > 0)
        grade->model_not_graded_because = arena_format(&grade->arena, "%s", j->unfit.message);
    return grade;
}

static void put_steps_in_front(const Step *in_front, size_t count, Grade *grade)
{
    Step *steps = allocate_zeroed(count + (size_t)grade->step_count, sizeof *steps);
    for (size_t n = 0; n < count; n++) {
        steps[n] = in_front[n];
        if (steps[n].note) steps[n].note = arena_format(&grade->arena, "%s", steps[n].note);
    }
    if (grade->step_count) memcpy(steps + count, grade->steps, (size_t)grade->step_count * sizeof *steps);
    free(grade->steps);
    grade->steps = steps;
    grade->step_count += (int)count;
    if (grade->first_bent >= 0) grade->first_bent += (int)count;
    for (int n = (int)count - 1; n >= 0; n--)
        if (steps[n].verdict != VERDICT_PASS) grade->first_bent = n;
}

static void forget_judged(const DumpedInputs *j, Grade *grade)
{
    int kept = 0;
    for (int i = 0; i < grade->unknown_count; i++)
        if (!is_judged(j, grade->unknown[i])) grade->unknown[kept++] = grade->unknown[i];
    grade->unknown_count = kept;
}

bool dumped_inputs_give(DumpedInputs *judged, const Model *model, const Dump *dump, const Inputs *inputs, Inputs *given)
{
    *given = *inputs;
    if (!judged) return true;
    if (judged->pictures) give_patches(judged, given, &judged->unfit);
    if (judged->sounds && !error_is_set(&judged->unfit)) dumped_sounds_give(judged->sounds, given, &judged->unfit);
    if (!error_is_set(&judged->unfit)) model_check(model, given, &judged->unfit);
    return !error_is_set(&judged->unfit) && holds_more(dump);
}

Grade *dumped_inputs_grade(const DumpedInputs *judged, const Dump *dump, Grade *of_model)
{
    if (!judged) return of_model;
    Grade *grade = of_model ? of_model : empty_grade(judged, dump);
    const FeatureGrade *features = judged->sounds ? dumped_sounds_grade(judged->sounds) : NULL;
    if (features) put_steps_in_front(features->steps, (size_t)features->count, grade);
    put_steps_in_front(judged->grade.steps, (size_t)judged->grade.count, grade);
    forget_judged(judged, grade);
    return grade;
}

/* ---------------------------------------------------------------- diagnoses */

static Diagnosis *diagnose_what_is_judged(DumpedInputs *judged, const ArithmeticClass *class)
{
    PatchTrial patches = { judged->pictures, &judged->found, class, &judged->grade, judged->way };
    Diagnosis *of_patches = judged->pictures ? diagnose_patches(&patches, &judged->expected, &judged->arena) : NULL;
    Diagnosis *of_sounds = judged->sounds ? dumped_sounds_diagnose(judged->sounds) : NULL;
    if (of_patches && of_sounds) diagnosis_join(of_patches, of_sounds);
    return of_patches ? of_patches : of_sounds;
}

Diagnosis *diagnose_with_inputs(DumpedInputs *judged, const Trial *trial, Grade **grade, Error *error)
{
    if (!judged) return diagnose(trial, grade, error);
    Diagnosis *d = diagnose_what_is_judged(judged, trial->class);
    Inputs given;
    Trial with_given = *trial;
    with_given.inputs = &given;
    bool goes_on = dumped_inputs_give(judged, trial->model, trial->dump, trial->inputs, &given);
    Diagnosis *of_model = goes_on ? diagnose(&with_given, grade, error) : diagnosis_new();
    if (!of_model) {
        diagnosis_free(d);
        return NULL;
    }
    if (!goes_on) {
        *grade = NULL;
        of_model->complete = true;
    }
    *grade = dumped_inputs_grade(judged, trial->dump, *grade);
    diagnosis_join(d, of_model);
    return d;
}
