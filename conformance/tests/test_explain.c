/* test_explain.c - what --explain says of a step is what its verdict rests on */
#include "explain/explain.h"

#include <math.h>
#include <stdlib.h>

#include "backends.h"
#include "report/report_explanation.h"

#define LAYER_1 "model.layers.1"

typedef struct {
    Model *model;
    Inputs inputs;
    Dump *dump;
    Grade *grade;
    Explanation *explanation;
} Explained;

static Explained explain_dump(Text text, const char *dump, const char *class, const char *const *globs, Error *error)
{
    Explained e = { .model = model_open(text.model, error), .dump = dump_open(dump, error) };
    e.inputs = inputs_open(text.inputs, error);
    assert_clean(error);
    Trial trial = { .model = e.model, .inputs = &e.inputs, .dump = e.dump, .class = class_find(class) };
    Lockstep *lockstep = lockstep_begin(&trial, honest_subject(e.model), error);
    assert_clean(error);
    e.explanation = explain(lockstep, e.model, globs, error);
    e.grade = lockstep_end(lockstep);
    return e;
}

static void explained_free(Explained e)
{
    explanation_free(e.explanation);
    grade_free(e.grade);
    dump_close(e.dump);
    inputs_close(&e.inputs);
    model_close(e.model);
}

typedef struct {
    const char *tap, *dropped;
    double by;
} Change;

static void change(Value *value, const void *context)
{
    const Change *c = context;
    if (strcmp(value->name, c->tap) == 0) *value_at(value, 3, 1) += (float)c->by;
    if (c->dropped && strstr(value->name, c->dropped)) value->dropped = true;
}

/* Every gate says what the step says, and the verdict is that of all of them. */
static void assert_agrees(const StepExplained *e)
{
    const Step *step = &e->step;
    bool passed = true;
    for (Gate gate = 0; gate < GATE_COUNT; gate++) {
        const GateExplained *of = &e->gates[gate];
        passed = passed && of->passed;
        if (isfinite(of->error) && of->error > 0)
            assert_near(of->error / of->scale, of->measurement_at, 1e-6, gate_name(gate), 0);
    }
    ck_assert_int_eq(passed, step->verdict == VERDICT_PASS);
    ck_assert_double_eq(e->gates[GATE_TAP].measurement_at, step->ratio);
    ck_assert_double_eq(e->gates[GATE_ELEMENT].measurement_at, step->worst_element_ratio);
    ck_assert(step->honest >= e->rounding * (1 - 1e-9) || step->graded_rows == 0);
    for (int i = 0; i + 1 < e->element_count; i++) ck_assert_double_ge(e->elements[i].ratio, e->elements[i + 1].ratio);
    if (e->element_count) ck_assert_int_eq(e->elements[0].index, step->worst_element);
}

static const char *const classes[] = { "fp32", "tf32", "fp16", "bf16" };
static const char *const models[] = { "{}", "{" MOE ", " SHARED "}" };

START_TEST(every_step_agrees_with_its_verdict)
{
    Error error = { "" };
    Text text = text_of(models[_i / 4], two_rows);
    Change c = { LAYER_1, NULL, 5 };
    Backend backend = { .class = classes[_i % 4], .max_new_tokens = 2, .edit = change, .context = &c };
    const char *const all[] = { "*", NULL };
    Explained e = explain_dump(text, backend_dump(text, &backend), classes[_i % 4], all, &error);
    assert_clean(&error);
    ck_assert_int_eq(e.explanation->step_count, e.grade->step_count);
    ck_assert_int_gt(e.grade->step_count, 100);
    for (int n = 0; n < e.explanation->step_count; n++) {
        const StepExplained *step = &e.explanation->steps[n];
        ck_assert_str_eq(step->step.tap, e.grade->steps[n].tap);
        assert_agrees(step);
        if (n > 0) ck_assert_str_eq(step->begins_at, e.grade->steps[n - 1].tap);
        ck_assert_int_eq(step->passed_count, 0);
        ck_assert_int_eq(step->step.samples, SAMPLES);
    }
    ck_assert_ptr_null(e.explanation->steps[0].begins_at);
    explained_free(e);
}
END_TEST

/* The noise of a step is what its replays deviate by on average. */
START_TEST(replays_make_the_noise)
{
    Error error = { "" };
    Text text = text_of("{}", two_rows);
    const char *const globs[] = { LAYER_1 ".mlp.down_proj", LAYER_1, NULL };
    Explained e = explain_dump(text, backend_dump(text, &(Backend){ .class = "bf16" }), "bf16", globs, &error);
    assert_clean(&error);
    ck_assert_int_eq(e.explanation->step_count, 2);
    for (int n = 0; n < 2; n++) {
        const StepExplained *step = &e.explanation->steps[n];
        double sum = 0;
        for (int i = 0; i < SAMPLES; i++) sum += step->replays[i] * step->replays[i] / SAMPLES;
        assert_near(step->step.honest, fmax(sqrt(sum), step->rounding), 1e-6, "honest", 0);
    }
    ck_assert_ptr_null(e.explanation->steps[0].bound.unproven);
    ck_assert_ptr_nonnull(e.explanation->steps[1].bound.unproven);
    explained_free(e);
}
END_TEST

START_TEST(taps_that_are_passed_are_named)
{
    Error error = { "" };
    Text text = text_of("{}", two_rows);
    Change c = { "", LAYER_1 ".mlp.", 0 };
    Backend backend = { .class = "bf16", .edit = change, .context = &c };
    const char *const globs[] = { LAYER_1 ".mlp", NULL };
    Explained e = explain_dump(text, backend_dump(text, &backend), "bf16", globs, &error);
    assert_clean(&error);
    const StepExplained *step = &e.explanation->steps[0];
    ck_assert_str_eq(step->begins_at, LAYER_1 ".pre_feedforward_layernorm");
    ck_assert_int_eq(step->passed_count, 4);
    ck_assert_str_eq(step->passed[0], LAYER_1 ".mlp.gate_proj");
    ck_assert_str_eq(step->passed[3], LAYER_1 ".mlp.down_proj");
    explained_free(e);
}
END_TEST

static const struct {
    const char *glob, *says;
} refused[] = {
    { "model.layers.9*", "--explain: found model.layers.9*, which is no tap of this case, expected one of the " },
    { LAYER_1 ".mlp.up_proj",
      "--explain: found " LAYER_1 ".mlp.up_proj, which the dump does not hold or --only leaves out, expected one of " },
};

START_TEST(tap_that_is_not_graded_is_refused)
{
    Error error = { "" };
    Text text = text_of("{}", two_rows);
    Change c = { "", LAYER_1 ".mlp.", 0 };
    Backend backend = { .class = "bf16", .edit = change, .context = &c };
    const char *const globs[] = { LAYER_1, refused[_i].glob, NULL };
    Explained e = explain_dump(text, backend_dump(text, &backend), "bf16", globs, &error);
    ck_assert_ptr_null(e.explanation);
    ck_assert_msg(strstr(error.message, refused[_i].says) == error.message, "%s", error.message);
    explained_free(e);
}
END_TEST

/* ---------------------------------------------------------------- reports */

static void print_explanation(FILE *out, const void *explanation) { report_explanation_text(out, explanation); }

static const char *const said[] = {
    "\nmodel.layers.1.self_attn.q_proj  FAIL, beyond its limit: ratio, row, channel, element",
    "  from         model.layers.1.input_layernorm\n",
    "  shape        [2, 7, 32]; 11 of 14 rows graded\n",
    " (nearest) ",
    "  row ",
    "  [0, 3, 1] ",
    "  limits of fp32: ",
    "  proven bound model.layers.1.input_layernorm times model.layers.1.self_attn.q_proj.weight\n",
    "sums of K = 12 products, u = 5.96e-08: gamma",
    "assumes float32 sums in any order, u = 2^-24\n",
    "1 of 352 elements violate it; the farthest, [0, 3, 1], errs by 5, allowed ",
    "\nmodel.layers.1  pass\n",
    "  proven bound none: the step is not one product of matrices\n",
};

START_TEST(explanation_is_reported)
{
    Error error = { "" };
    Text text = text_of("{}", two_rows);
    Change c = { LAYER_1 ".self_attn.q_proj", NULL, 5 };
    Backend backend = { .class = "fp32", .edit = change, .context = &c };
    const char *const globs[] = { LAYER_1, LAYER_1 ".self_attn.q_proj", NULL };
    Explained e = explain_dump(text, backend_dump(text, &backend), "fp32", globs, &error);
    assert_clean(&error);
    const char *shown = printed(print_explanation, e.explanation);
    for (int i = 0; i < COUNT(said); i++)
        ck_assert_msg(strstr(shown, said[i]) != NULL, "no \"%s\" in %s", said[i], shown);

    json_t *steps = report_explanation_json(e.explanation), *step = json_array_get(steps, 0);
    ck_assert_str_eq(json_string_value(json_object_get(step, "tap")), LAYER_1 ".self_attn.q_proj");
    ck_assert_uint_eq(json_array_size(json_object_get(step, "replays")), SAMPLES);
    ck_assert_uint_eq(json_array_size(json_object_get(step, "elements")), ELEMENTS_EXPLAINED);
    json_t *bound = json_object_get(step, "bound"), *ratio = json_object_get(json_object_get(step, "gates"), "ratio");
    ck_assert_int_eq(json_integer_value(json_object_get(bound, "violating")), 1);
    ck_assert(json_is_false(json_object_get(ratio, "passed")));
    ck_assert(json_object_get(json_object_get(json_array_get(steps, 1), "bound"), "unproven") != NULL);
    json_decref(steps);
    explained_free(e);
}
END_TEST

Suite *explain_suite(void)
{
    Suite *suite = suite_create("explain");
    TCase *numbers = theme(suite, "numbers"), *reports = theme(suite, "reports");
    tcase_add_loop_test(numbers, every_step_agrees_with_its_verdict, 0, COUNT(models) * COUNT(classes));
    tcase_add_test(numbers, replays_make_the_noise);
    tcase_add_test(numbers, taps_that_are_passed_are_named);
    tcase_add_loop_test(numbers, tap_that_is_not_graded_is_refused, 0, COUNT(refused));
    tcase_add_test(reports, explanation_is_reported);
    return suite;
}
