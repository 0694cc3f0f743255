/* test_rounding_bound.c - honest dumps stay within what is proven, and what goes beyond is counted */
#include "explain/rounding_bound.h"

#include <math.h>

#include "backends.h"

typedef struct {
    Model *model;
    Inputs inputs;
    Dump *dump;
    Lockstep *lockstep;
    const Grade *grade;
} Opened;

static Opened *open_dump(const char *model, const char *inputs, const char *dump, const char *class)
{
    Error error = { "" };
    Opened *o = arena_allocate(&scratch, sizeof *o);
    o->model = model_open(model, &error);
    o->inputs = inputs_open(inputs, &error);
    o->dump = dump_open(dump, &error);
    assert_clean(&error);
    o->lockstep = lockstep_begin(&(Trial){ .model = o->model,
                                           .inputs = &o->inputs,
                                           .dump = o->dump,
                                           .class = class_find(class),
                                           .options.ignore_eos = true },
                                 honest_subject(o->model), &error);
    assert_clean(&error);
    o->grade = lockstep_grade_so_far(o->lockstep);
    return o;
}

static Opened *open_case(const char *folder, const char *dump, const char *class)
{
    return open_dump(arena_format(&scratch, "%s/model", folder),
                     arena_format(&scratch, "%s/inputs.safetensors", folder), dump, class);
}

static void close_dump(Opened *o)
{
    grade_free(lockstep_end(o->lockstep));
    dump_close(o->dump);
    inputs_close(&o->inputs);
    model_close(o->model);
}

static RoundingBound bound_at(const Opened *o, const char *tap)
{
    for (int n = 0; n < o->grade->step_count; n++)
        if (strcmp(o->grade->steps[n].tap, tap) == 0) return rounding_bound_of(o->lockstep, o->model, n, &scratch);
    ck_abort_msg("%s is no step", tap);
    return (RoundingBound){ 0 };
}

/* How many steps have a bound; none goes beyond, and none turns out to be another product than its name says */
static int count_proven(const Opened *o)
{
    int proven = 0;
    for (int n = 0; n < o->grade->step_count; n++) {
        RoundingBound bound = rounding_bound_of(o->lockstep, o->model, n, &scratch);
        const char *tap = o->grade->steps[n].tap;
        ck_assert_msg(!bound.unproven || !strstr(bound.unproven, "more than"), "%s: %s", tap, bound.unproven);
        ck_assert_msg(bound.beyond == 0, "%s: %.3g, allowed %.3g", tap, bound.error, bound.allowed);
        if (bound.unproven) continue;
        proven++;
        ck_assert(bound.allowed > 0 && bound.error <= bound.allowed && bound.elements > 0);
    }
    return proven;
}

/* ---------------------------------------------------------------- honest dumps */

static const struct {
    const char *folder, *dump, *class;
    int proven;
} honest[] = {
    { "fixtures/e2b", "expected", "fp32", 112 },
    { "fixtures/e2b", "dumps/honest-bf16-eager", "bf16", 21 },
    { "fixtures/e2b", "dumps/honest-fp16-sdpa-2threads", "fp16", 0 },
    { "fixtures/26b-a4b", "expected", "fp32", 28 },
    { "fixtures/31b", "expected", "fp32", 37 },
    { "fixtures/31b", "dumps/honest-bf16-sdpa-2threads", "bf16", 0 },
    { "fixtures/e2b-text", "expected", "fp32", 34 },
    { E2B, "dumps/honest-bf16-eager", "bf16", 19 },
    { E2B, "expected", "fp32", 19 },
    { BIG, "expected", "fp32", 19 },
};

START_TEST(honest_dump_stays_within)
{
    const char *dump = arena_format(&scratch, "%s/%s.safetensors", honest[_i].folder, honest[_i].dump);
    Opened *o = open_case(honest[_i].folder, dump, honest[_i].class);
    ck_assert_int_eq(count_proven(o), honest[_i].proven);
    close_dump(o);
}
END_TEST

/* Each layer has proven steps: three projections, the weights, the output, o_proj and the three of the MLP; and
 * lm_head. Shared layers have one projection. Biases, and decode steps too. */
static const struct {
    const char *changes;
    int proven;
} models[] = {
    { "{}", 3 * (4 * 9 + 1) },
    { "{\"attention_bias\": true, \"tie_word_embeddings\": false}", 3 * (4 * 9 + 1) },
    { "{" SHARED "}", 3 * (2 * 9 + 2 * 7 + 1 + 1) },
};
static const char *const classes[] = { "fp32", "tf32", "fp16", "bf16" };

START_TEST(own_dump_stays_within)
{
    Text text = text_of(models[_i].changes, two_rows);
    for (int c = 0; c < COUNT(classes); c++) {
        Backend backend = { .class = classes[c], .max_new_tokens = 3 };
        Opened *o = open_dump(text.model, text.inputs, backend_dump(text, &backend), classes[c]);
        ck_assert_int_eq(count_proven(o), models[_i].proven);
        close_dump(o);
    }
}
END_TEST

/* Factors that are rounded to tf32 are more than float32 sums can be off by. */
START_TEST(tf32_violates_fp32)
{
    Text text = text_of("{}", two_rows);
    Opened *o = open_dump(text.model, text.inputs, backend_dump(text, &(Backend){ .class = "tf32" }), "fp32");
    RoundingBound bound = bound_at(o, "model.layers.1.self_attn.q_proj");
    ck_assert_ptr_null(bound.unproven);
    ck_assert_int_gt(bound.beyond, bound.elements / 2);
    close_dump(o);
}
END_TEST

/* ---------------------------------------------------------------- beyond */

typedef struct {
    const char *tap;
    double by;
} Change;

static void change(Value *value, const void *context)
{
    const Change *c = context;
    if (strcmp(value->name, c->tap) == 0) *value_at(value, 3, 1) += (float)c->by;
}

static const struct {
    const char *tap;
    int parts; /* that it comes in, each of which is changed: one for each head of a prompt */
} proven[] = {
    { "model.layers.0.self_attn.q_proj", 1 },
    { "model.layers.3.self_attn.o_proj", 1 },
    { "model.layers.0.mlp.gate_proj", 1 },
    { "model.layers.2.mlp.down_proj", 1 },
    { "model.layers.1.self_attn#attn_output", 1 },
    { "model.layers.1.self_attn#attn_weights", 2 * TINY_HEADS },
    { "lm_head", 1 },
};

/* One and a half of what is allowed is beyond, and three quarters are not. */
START_TEST(element_beyond_is_counted)
{
    const char *tap = proven[_i / COUNT(classes)].tap, *class = classes[_i % COUNT(classes)];
    Text text = text_of("{}", two_rows);
    Change c = { tap, 100 };
    int parts = proven[_i / COUNT(classes)].parts;
    Backend backend = { .class = class, .edit = change, .context = &c };
    Opened *o = open_dump(text.model, text.inputs, backend_dump(text, &backend), class);
    RoundingBound far = bound_at(o, tap);
    close_dump(o);
    ck_assert_int_eq(far.beyond, parts);

    for (int beyond = 0; beyond < 2; beyond++) {
        c.by = (beyond ? 1.5 : 0.5) * far.allowed;
        o = open_dump(text.model, text.inputs, backend_dump(text, &backend), class);
        RoundingBound bound = bound_at(o, tap);
        ck_assert_int_eq(bound.beyond > 0, beyond);
        if (beyond) assert_near(bound.error / bound.allowed, 1.5, 0.4, "error over allowed", 0);
        if (beyond) ck_assert_int_eq(bound.element, far.element);
        close_dump(o);
    }
}
END_TEST

/* ---------------------------------------------------------------- no bound */

static void drop(Value *value, const void *context) { value->dropped = strcmp(value->name, context) == 0; }

static const struct {
    const char *tap, *dropped, *says;
} unproven[] = {
    { "model.layers.0.input_layernorm", "", "the step is not one product of matrices" },
    { "model.layers.0", "", "the step is not one product of matrices" },
    { "logits", "", "the step is not one product of matrices" },
    { "model.layers.0.self_attn.q_proj", "model.layers.0.input_layernorm",
      "its factor model.layers.0.input_layernorm is not in the dump" },
    { "model.layers.0.mlp.down_proj", "model.layers.0.mlp.up_proj",
      "its factor model.layers.0.mlp.up_proj is not in the dump" },
    { "model.layers.0.self_attn#attn_output", "model.layers.0.self_attn#attn_weights",
      "its factor model.layers.0.self_attn#attn_weights is not in the dump" },
};

START_TEST(without_a_bound)
{
    Text text = text_of("{}", two_rows);
    Backend backend = { .class = "fp32", .edit = drop, .context = unproven[_i].dropped };
    Opened *o = open_dump(text.model, text.inputs, backend_dump(text, &backend), "fp32");
    RoundingBound bound = bound_at(o, unproven[_i].tap);
    ck_assert_str_eq(bound.unproven, unproven[_i].says);
    ck_assert_int_eq(bound.beyond, 0);
    close_dump(o);
}
END_TEST

/* The last position of a tap stays, of each row of the batch and each head. */
static void keep_last(Value *value, const void *context)
{
    if (strcmp(value->name, context) != 0) return;
    int axis = value->rank - 2;
    int64_t positions = value->shape[axis], width = value->shape[axis + 1], outer = 1;
    for (int i = 0; i < axis; i++) outer *= value->shape[i];
    for (int64_t i = 0; i < outer; i++)
        memmove(value->values + i * width, value->values + ((i + 1) * positions - 1) * width,
                (size_t)width * sizeof *value->values);
    value->shape[axis] = 1;
}

static const struct {
    const char *tap, *factor;
} cut[] = {
    { "model.layers.0.self_attn.q_proj", "model.layers.0.input_layernorm" },
    { "model.layers.0.mlp.down_proj", "model.layers.0.mlp.act_fn" },
    { "model.layers.0.mlp.down_proj", "model.layers.0.mlp.up_proj" },
    { "model.layers.0.self_attn#attn_weights", "model.layers.0.self_attn#query_states" },
    { "model.layers.0.self_attn#attn_weights", "model.layers.0.self_attn#key_states" },
    { "model.layers.0.self_attn#attn_output", "model.layers.0.self_attn#attn_weights" },
    { "model.layers.0.self_attn#attn_output", "model.layers.0.self_attn#value_states" },
};

/* The dump may hold fewer positions of a factor than of what is made of it. */
START_TEST(factor_of_few_positions)
{
    Text text = text_of("{}", two_rows);
    const char *whole = backend_dump(text, &(Backend){ .class = "fp32" });
    Opened *o = open_dump(text.model, text.inputs, edited_dump(whole, keep_last, cut[_i].factor), "fp32");
    RoundingBound bound = bound_at(o, cut[_i].tap);
    ck_assert_str_eq(bound.unproven,
                     arena_format(&scratch, "the dump holds too few positions of its factor %s", cut[_i].factor));
    close_dump(o);
}
END_TEST

static void not_a_number(Value *value, const void *context)
{
    if (strcmp(value->name, context) == 0) *value_at(value, 3, 1) = NAN;
}

/* The reference's own row goes on instead of one that is not finite; what is made of that is not compared. */
START_TEST(row_that_is_not_finite_is_left_out)
{
    static const char *const tap = "model.layers.0.input_layernorm";
    Text text = text_of("{}", two_rows);
    Backend backend = { .class = "fp32", .edit = not_a_number, .context = tap };
    Opened *o = open_dump(text.model, text.inputs, backend_dump(text, &backend), "fp32");
    RoundingBound bound = bound_at(o, "model.layers.0.mlp.gate_proj"),
                  spoilt = bound_at(o, "model.layers.0.self_attn.q_proj");
    ck_assert(!bound.unproven && !spoilt.unproven);
    ck_assert_int_eq(spoilt.beyond, 0);
    ck_assert_int_eq(spoilt.elements, 10 * TINY_HEADS * TINY_SLIDING_DIM);
    close_dump(o);
}
END_TEST

Suite *rounding_bound_suite(void)
{
    Suite *suite = suite_create("rounding_bound");
    TCase *within = theme(suite, "within"), *beyond = theme(suite, "beyond"), *none = theme(suite, "none");
    tcase_add_loop_test(within, honest_dump_stays_within, 0, COUNT(honest));
    tcase_add_loop_test(within, own_dump_stays_within, 0, COUNT(models));
    tcase_add_test(beyond, tf32_violates_fp32);
    tcase_add_loop_test(beyond, element_beyond_is_counted, 0, COUNT(proven) * COUNT(classes));
    tcase_add_loop_test(none, without_a_bound, 0, COUNT(unproven));
    tcase_add_loop_test(none, factor_of_few_positions, 0, COUNT(cut));
    tcase_add_test(none, row_that_is_not_finite_is_left_out);
    return suite;
}
