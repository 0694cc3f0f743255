/* test_step_list.c - which taps of a pass become steps, for a prompt of three tokens */
#include "lockstep/step_list.h"

#include "dumps.h"

static const PaddingRows one_prompt = { .batch = 1, .tokens = 3 };

/* A list of a dump that holds these arrays; end_of() gives all of it back. */
static StepList list_of(const char *arrays, const GradeOptions *options, Error *error)
{
    write_arrays(temporary("dump.safetensors"), arrays);
    Dump *dump = dump_open(temporary("dump.safetensors"), error);
    assert_clean(error);
    Grade *grade = allocate_zeroed(1, sizeof *grade);
    grade->class = class_find("fp32");
    return step_list_new(dump, options, &one_prompt, grade, error);
}

static void end_of(StepList *steps)
{
    step_list_free(steps);
    grade_free(steps->grade);
    dump_close((Dump *)steps->dump);
}

static int find(StepList *steps, const char *name)
{
    return step_list_find(steps, &(Tap){ .name = name, .rank = 3, .shape = { 1, 3, 2 }, .count = 6 });
}

/* A pass over three layers, of which the dump holds the first and the last */
static void pass_over_layers(StepList *steps)
{
    steps->current = -1;
    ck_assert_int_eq(find(steps, "model.layers.0"), 0);
    ck_assert_int_eq(find(steps, "model.layers.0"), 0); /* its second part */
    ck_assert_int_eq(find(steps, "model.layers.1"), -1);
    ck_assert_int_eq(find(steps, "model.layers.2"), 1);
    steps->listed = true;
}

#define TWO_LAYERS "{\"model.layers.0\": \"1 3 2\", \"model.layers.2\": \"1 3 2\", \"my.layer\": \"2\"}"

/* The first pass lists, those after it find the same; what the dump lacks is named once. */
START_TEST(lists_and_follows)
{
    Error error = { "" };
    const GradeOptions options = { 0 };
    StepList steps = list_of(TWO_LAYERS, &options, &error);
    pass_over_layers(&steps);
    pass_over_layers(&steps);
    const Grade *grade = steps.grade;
    ck_assert_int_eq(grade->step_count, 2);
    ck_assert_str_eq(grade->steps[1].tap, "model.layers.2");
    ck_assert_int_eq(grade->steps[0].absent, 0);
    ck_assert_int_eq(grade->steps[1].absent, 1); /* of the taps before it, model.layers.1 */
    ck_assert_int_eq(grade->steps[1].rows, 3);
    ck_assert_int_eq(grade->not_graded_count, 1);
    ck_assert_str_eq(grade->not_graded[0], "model.layers.1");
    step_list_conclude(&steps);
    ck_assert_int_eq(grade->unknown_count, 1);
    ck_assert_str_eq(grade->unknown[0], "my.layer");
    step_list_clear(&steps);
    ck_assert(grade->step_count == 0 && grade->not_graded_count == 0 && !steps.listed);
    pass_over_layers(&steps);
    assert_clean(&error);
    end_of(&steps);
}
END_TEST

/* A tap that nobody wants to know counts as absent, and not as unknown. */
START_TEST(wanted_only)
{
    Error error = { "" };
    const GradeOptions options = { .only = (const char *const[]){ "*.2", NULL } };
    StepList steps = list_of(TWO_LAYERS, &options, &error);
    ck_assert_int_eq(find(&steps, "model.layers.0"), -1);
    ck_assert_int_eq(find(&steps, "model.layers.2"), 0);
    ck_assert_str_eq(steps.grade->not_graded[0], "model.layers.0");
    step_list_conclude(&steps);
    ck_assert_int_eq(steps.grade->unknown_count, 1);
    end_of(&steps);
}
END_TEST

/* An array of another shape is listed as a misfit, unless the pass kept fewer logits than the dump holds: then it runs
 * again. */
START_TEST(another_shape)
{
    Error error = { "" };
    const GradeOptions options = { 0 };
    StepList steps = list_of("{\"model.layers.0\": \"1 3 5\"}", &options, &error);
    steps.pass.logits_to_keep = 1;
    ck_assert_int_eq(find(&steps, "model.layers.0"), -1);
    ck_assert(steps.too_few);
    assert_clean(&error);
    step_list_clear(&steps);
    ck_assert(!steps.too_few);
    steps.pass.logits_to_keep = 0;
    ck_assert_int_eq(find(&steps, "model.layers.0"), -1);
    assert_clean(&error);
    ck_assert_int_eq(steps.grade->misfit_count, 1);
    ck_assert_str_eq(steps.grade->misfits[0].found, "[1, 3, 5]");
    ck_assert_str_eq(steps.grade->misfits[0].expected, "[1, 3, 2]");
    ck_assert_ptr_nonnull(strstr(steps.grade->misfits[0].advice, "\"select\": {\"axis\": 2, \"first\": 0, "));
    ck_assert_int_eq(steps.grade->not_graded_count, 1);
    step_list_conclude(&steps);
    assert_refused(
        &error, temporary("dump.safetensors"),
        "model.layers.0: found shape [1, 3, 5], expected [1, 3, 2], and no other array that can be graded; ");
    end_of(&steps);
}
END_TEST

Suite *step_list_suite(void)
{
    Suite *suite = suite_create("step_list");
    TCase *tcase = theme(suite, "steps");
    tcase_add_test(tcase, lists_and_follows);
    tcase_add_test(tcase, wanted_only);
    tcase_add_test(tcase, another_shape);
    return suite;
}
