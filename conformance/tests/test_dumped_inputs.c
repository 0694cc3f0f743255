/* test_dumped_inputs.c - dumps that begin with pixels and go on through the model */
#include "inputs/dumped_inputs.h"

#include "bugs/switch/buggy_pictures.h"
#include "grade/arithmetic_class.h"
#include "photos.h"
#include "report/report_grade.h"

typedef struct {
    Pictures *pictures;
    Model *model;
    Inputs file; /* the fixture's, for its name */
    Patches honest;
} Subjects;

static Subjects subjects(void)
{
    Error error = { "" };
    Subjects s = { .pictures = one_photo(300, 200, 6), .model = model_open(E2B "/model", &error) };
    assert_clean(&error);
    s.file = inputs_open(E2B "/inputs.safetensors", &error);
    assert_clean(&error);
    s.honest = honest_patches(s.pictures, 0);
    return s;
}

static void subjects_close(Subjects *s)
{
    inputs_close(&s->file);
    model_close(s->model);
}

static Inputs inputs_of(const Subjects *s, const Patches *patches)
{
    Inputs inputs = s->file;
    inputs.pixel_values = &patches->pixel_values;
    inputs.image_position_ids = &patches->image_position_ids;
    return inputs;
}

/* ---------------------------------------------------------------- dumps */

static void write_tap(void *context, const Tap *tap)
{
    SafetensorsWriter *writer = context;
    bool wanted = false;
    for (const char *const *layer = layer_outputs; *layer; layer++) wanted |= strcmp(*layer, tap->name) == 0;
    if (!wanted) return;
    safetensors_writer_begin(writer, tap->name, DTYPE_F32, tap->rank, tap->shape);
    safetensors_writer_append(writer, tap->values, (size_t)tap->count * tap->value_size);
}

static void write_input(SafetensorsWriter *writer, const Array *array)
{
    safetensors_writer_begin(writer, array->name, array->dtype, array->rank, array->shape);
    safetensors_writer_append(writer, array->data, (size_t)array_elements(array) * dtype_size(array->dtype));
}

/* The dump of a backend that is given these patches, with a bug of the model or none */
static Dump *dump_of(const Subjects *s, const Patches *patches, bool pixels, bool positions, const char *bug_id)
{
    Error error = { "" };
    SafetensorsWriter *writer = safetensors_writer_open(temporary("judged.safetensors"), &error);
    Inputs inputs = inputs_of(s, patches);
    const Bug *bug = bug_id ? bug_find(bug_id) : NULL;
    BuggyModel *model = buggy_model_open(E2B "/model", &bug, bug ? 1 : 0, &error);
    assert_clean(&error);
    if (pixels) write_input(writer, inputs.pixel_values);
    if (positions) write_input(writer, inputs.image_position_ids);
    buggy_model_forward(model, &reference_f32, &inputs, &(Pass){ .hook = write_tap, .hook_context = writer });
    buggy_model_close(model);
    safetensors_writer_close(writer, &error);
    Dump *dump = dump_open(temporary("judged.safetensors"), &error);
    assert_clean(&error);
    return dump;
}

static Patches with_bug(const Subjects *s, const char *id)
{
    Error error = { "" };
    const Bug *bug = bug_find(id);
    Patches patches = preprocess_with_bugs(s->pictures, &bug, 1, &scratch, &error);
    assert_clean(&error);
    return patches;
}

static Grade *grade_of(const Subjects *s, const Dump *dump)
{
    Error error = { "" };
    Inputs inputs = inputs_of(s, &s->honest);
    DumpedInputs *judged = dumped_inputs_open(s->pictures, NULL, dump, class_find("fp32"), NULL, &error);
    Inputs given;
    Grade *grade = NULL;
    if (dumped_inputs_give(judged, s->model, dump, &inputs, &given))
        grade = lockstep_grade(
            &(Trial){ .model = s->model, .inputs = &given, .dump = dump, .class = class_find("fp32") }, &error);
    assert_clean(&error);
    grade = dumped_inputs_grade(judged, dump, grade);
    dumped_inputs_close(judged);
    return grade;
}

static Diagnosis *diagnosis_of(const Subjects *s, const Dump *dump, Grade **grade)
{
    Error error = { "" };
    Inputs inputs = inputs_of(s, &s->honest);
    Trial trial = { .model = s->model, .inputs = &inputs, .dump = dump, .class = class_find("fp32") };
    DumpedInputs *judged = dumped_inputs_open(s->pictures, NULL, dump, class_find("fp32"), NULL, &error);
    Diagnosis *d = diagnose_with_inputs(judged, &trial, grade, &error);
    assert_clean(&error);
    dumped_inputs_close(judged);
    return d;
}

/* ---------------------------------------------------------------- grades */

START_TEST(the_model_is_graded_on_the_dumps_pixels)
{
    static const char *const bugs[] = { "resize-bilinear", "patch-feature-order", "vision-xy-swapped", "resize-square",
                                        NULL };
    Subjects s = subjects();
    for (int i = 0; i < COUNT(bugs); i++) {
        Patches patches = bugs[i] ? with_bug(&s, bugs[i]) : s.honest;
        Dump *dump = dump_of(&s, &patches, true, true, NULL);
        Grade *grade = grade_of(&s, dump);
        ck_assert(!grade->model_not_graded_because && grade->unknown_count == 0);
        ck_assert_int_gt(grade->step_count, 4);
        ck_assert_str_eq(grade->steps[0].tap, "pixel_values");
        ck_assert_str_eq(grade->steps[1].tap, "image_position_ids");
        for (int n = 2; n < grade->step_count; n++) ck_assert(grade->steps[n].verdict == VERDICT_PASS);
        ck_assert(bugs[i] ? grade->first_bent == 0 || grade->first_bent == 1 : grade->first_bent < 0);
        grade_free(grade);
        dump_close(dump);
    }
    subjects_close(&s);
}
END_TEST

/* Without pixels in the dump, the model's first step shows them. */
START_TEST(without_pixels_the_first_step_is_bent)
{
    Subjects s = subjects();
    Patches patches = with_bug(&s, "resize-bilinear");
    Dump *dump = dump_of(&s, &patches, false, true, NULL);
    Grade *grade = grade_of(&s, dump);
    assert_bent_at(grade, "model.vision_tower.patch_embedder");
    ck_assert_str_eq(grade->steps[0].tap, "image_position_ids");
    grade_free(grade);
    dump_close(dump);
    subjects_close(&s);
}
END_TEST

START_TEST(what_the_model_cannot_be_given_is_not_graded)
{
    Subjects s = subjects();
    Patches patches = s.honest;
    ((float *)patches.pixel_values.data)[5] = INFINITY;
    Patches finite = honest_patches(s.pictures, 0);
    Dump *clean = dump_of(&s, &finite, false, false, NULL);
    Error error = { "" };
    SafetensorsWriter *writer = safetensors_writer_open(temporary("infinite.safetensors"), &error);
    write_input(writer, &patches.pixel_values);
    write_input(writer, dump_array(clean, 0));
    safetensors_writer_close(writer, &error);
    Dump *dump = dump_open(temporary("infinite.safetensors"), &error);
    assert_clean(&error);
    s.honest = finite;
    Grade *grade = grade_of(&s, dump);
    assert_bent_at(grade, "pixel_values");
    ck_assert_int_eq(grade->step_count, 1);
    ck_assert_int_eq(grade->not_graded_count, 1);
    ck_assert_msg(strstr(grade->model_not_graded_because, "pixel_values: found NaN or infinity") != NULL, "%s",
                  grade->model_not_graded_because);
    grade_free(grade);
    dump_close(dump);
    dump_close(clean);
    subjects_close(&s);
}
END_TEST

START_TEST(without_pictures_nothing_is_judged)
{
    Error error = { "" };
    Subjects s = subjects();
    Dump *dump = dump_of(&s, &s.honest, true, true, NULL);
    ck_assert_ptr_null(dumped_inputs_open(NULL, NULL, dump, class_find("fp32"), NULL, &error));
    static const char *const only[] = { "logits", NULL };
    ck_assert_ptr_null(dumped_inputs_open(s.pictures, NULL, dump, class_find("fp32"), only, &error));
    assert_clean(&error);
    dump_close(dump);
    subjects_close(&s);
}
END_TEST

/* ---------------------------------------------------------------- diagnoses */

static bool lists(const Bug *const *bugs, int count, const char *id)
{
    for (int i = 0; i < count; i++)
        if (strcmp(bugs[i]->id, id) == 0) return true;
    return false;
}

START_TEST(both_parts_are_named)
{
    Subjects s = subjects();
    Patches patches = with_bug(&s, "resize-square");
    Dump *dump = dump_of(&s, &patches, true, true, "projector-norm-after-projection");
    Grade *grade;
    Diagnosis *d = diagnosis_of(&s, dump, &grade);
    ck_assert_int_eq(d->named_count, 2);
    ck_assert_str_eq(d->named[0]->id, "resize-square");
    ck_assert_str_eq(d->named[1]->id, "projector-norm-after-projection");
    ck_assert(d->complete && !d->pattern);
    ck_assert(lists(d->not_exposed, d->not_exposed_count, "softcap-missing"));
    ck_assert(!lists(d->not_exposed, d->not_exposed_count, "resize-bilinear"));
    ck_assert_int_eq(d->candidate_count + d->not_exposed_count, bug_count());
    diagnosis_free(d);
    grade_free(grade);
    dump_close(dump);
    subjects_close(&s);
}
END_TEST

/* The positions that the dump does not hold are those that the named bug makes. */
START_TEST(named_bugs_say_what_is_left_out)
{
    Subjects s = subjects();
    Patches patches = with_bug(&s, "resize-square");
    Dump *dump = dump_of(&s, &patches, true, false, NULL);
    Grade *grade;
    Diagnosis *d = diagnosis_of(&s, dump, &grade);
    ck_assert_int_eq(d->named_count, 1);
    ck_assert_str_eq(d->named[0]->id, "resize-square");
    ck_assert(d->complete);
    for (int n = 1; n < grade->step_count; n++) ck_assert(grade->steps[n].verdict == VERDICT_PASS);
    diagnosis_free(d);
    grade_free(grade);
    dump_close(dump);
    subjects_close(&s);
}
END_TEST

/* The same bug, seen in the model alone: its pixels and positions are right, or are not in the dump. */
START_TEST(named_from_taps_alone)
{
    static const char *const bugs[] = { "pixels-all-zero", "patch-feature-order", "vision-xy-swapped",
                                        "vision-grid-column-major" };
    Subjects s = subjects();
    for (int held = 0; held < 2; held++) {
        Dump *dump = dump_of(&s, &s.honest, held, held, bugs[_i]);
        Grade *grade;
        Diagnosis *d = diagnosis_of(&s, dump, &grade);
        ck_assert_int_eq(d->named_count, 1);
        ck_assert_str_eq(d->named[0]->id, bugs[_i]);
        ck_assert_str_eq(grade->steps[grade->first_bent].tap, "model.vision_tower.patch_embedder");
        ck_assert(d->complete);
        diagnosis_free(d);
        grade_free(grade);
        dump_close(dump);
    }
    subjects_close(&s);
}
END_TEST

Suite *dumped_inputs_suite(void)
{
    Suite *suite = suite_create("dumped_inputs");
    TCase *grades = theme(suite, "grades"), *diagnoses = theme(suite, "diagnoses");
    tcase_add_test(grades, the_model_is_graded_on_the_dumps_pixels);
    tcase_add_test(grades, without_pixels_the_first_step_is_bent);
    tcase_add_test(grades, what_the_model_cannot_be_given_is_not_graded);
    tcase_add_test(grades, without_pictures_nothing_is_judged);
    tcase_add_test(diagnoses, both_parts_are_named);
    tcase_add_test(diagnoses, named_bugs_say_what_is_left_out);
    tcase_add_loop_test(diagnoses, named_from_taps_alone, 0, 4);
    return suite;
}
