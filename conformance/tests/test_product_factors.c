/* test_product_factors.c - which taps and which weight a step is the product of, by the names of the model's modules */
#include "explain/product_factors.h"

#include "backends.h"

#define LAYER_1 "model.layers.1"
#define TOWER "model.vision_tower.encoder.layers.0"

/* A step of a text model, and what it is the product of. NULL: there is no such factor. */
typedef struct {
    const char *changes; /* of the text model */
    const char *dropped; /* a tap that the backend does not dump; NULL: it dumps each */
    const char *tap;
    Product kind;
    const char *x, *other, *weight, *bias, *missing;
} Case;

#define BIASED "{\"attention_bias\": true}"
#define PER_LAYER "{" SHARED "}"

static const Case cases[] = {
    { "{}", NULL, LAYER_1 ".self_attn.q_proj", PRODUCT_LINEAR, LAYER_1 ".input_layernorm", NULL,
      LAYER_1 ".self_attn.q_proj.weight", NULL, NULL },
    { "{}", NULL, LAYER_1 ".self_attn.k_proj", PRODUCT_LINEAR, LAYER_1 ".input_layernorm", NULL,
      LAYER_1 ".self_attn.k_proj.weight", NULL, NULL },
    { "{}", NULL, LAYER_1 ".self_attn.v_proj@1", PRODUCT_LINEAR, LAYER_1 ".input_layernorm@1", NULL,
      LAYER_1 ".self_attn.v_proj.weight", NULL, NULL },
    { BIASED, NULL, LAYER_1 ".self_attn.o_proj", PRODUCT_LINEAR, LAYER_1 ".self_attn#attn_output", NULL,
      LAYER_1 ".self_attn.o_proj.weight", LAYER_1 ".self_attn.o_proj.bias", NULL },
    { "{}", NULL, LAYER_1 ".mlp.gate_proj", PRODUCT_LINEAR, LAYER_1 ".pre_feedforward_layernorm", NULL,
      LAYER_1 ".mlp.gate_proj.weight", NULL, NULL },
    { "{}", NULL, LAYER_1 ".mlp.up_proj@2", PRODUCT_LINEAR, LAYER_1 ".pre_feedforward_layernorm@2", NULL,
      LAYER_1 ".mlp.up_proj.weight", NULL, NULL },
    { "{}", NULL, LAYER_1 ".mlp.down_proj", PRODUCT_GATED, LAYER_1 ".mlp.act_fn", LAYER_1 ".mlp.up_proj",
      LAYER_1 ".mlp.down_proj.weight", NULL, NULL },
    { "{}", NULL, LAYER_1 ".self_attn#attn_weights", PRODUCT_SOFTMAX, LAYER_1 ".self_attn#query_states",
      LAYER_1 ".self_attn#key_states", NULL, NULL, NULL },
    { "{}", NULL, LAYER_1 ".self_attn#attn_output@1", PRODUCT_HEADS, LAYER_1 ".self_attn#attn_weights@1",
      LAYER_1 ".self_attn#value_states@1", NULL, NULL, NULL },
    { PER_LAYER, NULL, "model.per_layer_model_projection", PRODUCT_LINEAR, "model.embed_tokens", NULL,
      "model.per_layer_model_projection.weight", NULL, NULL },
    /* The head has the weights of the embeddings. Where the model's output is not dumped, its last norm is the same. */
    { "{}", NULL, "lm_head", PRODUCT_LINEAR, "model", NULL, "model.embed_tokens.weight", NULL, NULL },
    { "{}", "model", "lm_head", PRODUCT_LINEAR, "model.norm", NULL, "model.embed_tokens.weight", NULL, NULL },
    /* no product of matrices */
    { "{}", NULL, LAYER_1, PRODUCT_NONE, NULL, NULL, NULL, NULL, NULL },
    { "{}", NULL, LAYER_1 ".mlp.act_fn", PRODUCT_NONE, NULL, NULL, NULL, NULL, NULL },
    /* a product, but the dump lacks a factor */
    { "{}", LAYER_1 ".input_layernorm", LAYER_1 ".self_attn.q_proj", PRODUCT_NONE, NULL, NULL,
      LAYER_1 ".self_attn.q_proj.weight", NULL, LAYER_1 ".input_layernorm" },
    { "{}", LAYER_1 ".mlp.act_fn", LAYER_1 ".mlp.down_proj", PRODUCT_NONE, NULL, LAYER_1 ".mlp.up_proj",
      LAYER_1 ".mlp.down_proj.weight", NULL, LAYER_1 ".mlp.act_fn" },
    { "{}", LAYER_1 ".self_attn#value_states@1", LAYER_1 ".self_attn#attn_output@1", PRODUCT_NONE,
      LAYER_1 ".self_attn#attn_weights@1", NULL, NULL, NULL, LAYER_1 ".self_attn#value_states@1" },
};

/* Steps of the vision tower of e2b-vision, whose linears are clamped, and of the projector behind it */
static const struct {
    const char *tap;
    Product kind;
    const char *x, *other, *weight, *clamped; /* clamped: the module with the limits of x; NULL: x has none */
} clamped[] = {
    { TOWER ".self_attn.q_proj.linear", PRODUCT_LINEAR, TOWER ".input_layernorm", NULL,
      TOWER ".self_attn.q_proj.linear.weight", TOWER ".self_attn.q_proj" },
    { TOWER ".mlp.down_proj.linear", PRODUCT_GATED, TOWER ".mlp.act_fn", TOWER ".mlp.up_proj",
      TOWER ".mlp.down_proj.linear.weight", TOWER ".mlp.down_proj" },
    /* The output of the clamp behind a product is no product itself. */
    { TOWER ".self_attn.q_proj", PRODUCT_NONE, NULL, NULL, NULL, NULL },
    { TOWER ".mlp.down_proj", PRODUCT_NONE, NULL, NULL, NULL, NULL },
    { "model.embed_vision.embedding_projection", PRODUCT_LINEAR, "model.embed_vision.embedding_pre_projection_norm",
      NULL, "model.embed_vision.embedding_projection.weight", NULL },
};

typedef struct {
    Model *model;
    Inputs inputs;
    Dump *dump;
    Lockstep *lockstep;
} Graded;

static Graded grade(const char *model, const char *inputs, const char *dump, const char *class)
{
    Error error = { "" };
    Graded g = { .model = model_open(model, &error), .dump = dump_open(dump, &error) };
    g.inputs = inputs_open(inputs, &error);
    assert_clean(&error);
    Trial trial = { .model = g.model,
                    .inputs = &g.inputs,
                    .dump = g.dump,
                    .class = class_find(class),
                    .options = { .samples = 1, .ignore_eos = true } };
    g.lockstep = lockstep_begin(&trial, honest_subject(g.model), &error);
    assert_clean(&error);
    return g;
}

static void graded_free(Graded g)
{
    grade_free(lockstep_end(g.lockstep));
    dump_close(g.dump);
    inputs_close(&g.inputs);
    model_close(g.model);
}

static int step_named(const Graded *g, const char *tap)
{
    const Grade *grade = lockstep_grade_so_far(g->lockstep);
    for (int n = 0; n < grade->step_count; n++)
        if (strcmp(grade->steps[n].tap, tap) == 0) return n;
    ck_abort_msg("no step %s", tap);
}

/* The sums are of the tap that has the name, and of no other. */
static void assert_factor(const Graded *g, const StepSums *sums, const char *found, const char *expected)
{
    ck_assert_msg((sums != NULL) == (expected != NULL), "found %s, expected %s", sums ? found : "none", expected);
    if (!expected) return;
    ck_assert_str_eq(found, expected);
    ck_assert_ptr_eq(sums, lockstep_sums(g->lockstep, step_named(g, expected)));
}

static void assert_array(const Graded *g, const Array *found, const char *expected)
{
    const Array *array = expected ? checkpoint_array(model_checkpoint(g->model), expected) : NULL;
    ck_assert_msg(!expected || array, "the checkpoint has no %s", expected);
    ck_assert_msg(found == array, "found another array than %s", expected ? expected : "none");
}

static void drop(Value *value, const void *context)
{
    if (context && strcmp(value->name, context) == 0) value->dropped = true;
}

START_TEST(factors_are_found)
{
    const Case *c = &cases[_i];
    Text text = text_of(c->changes, two_rows);
    Backend backend = { .class = "fp32", .max_new_tokens = 3, .edit = drop, .context = c->dropped };
    Graded g = grade(text.model, text.inputs, backend_dump(text, &backend), "fp32");
    ProductFactors f = product_factors_of(g.lockstep, g.model, step_named(&g, c->tap), &scratch);
    ck_assert_int_eq(f.kind, c->kind);
    assert_factor(&g, f.x, f.x_tap, c->x);
    assert_factor(&g, f.other, f.other_tap, c->other);
    assert_array(&g, f.weight, c->weight);
    assert_array(&g, f.bias, c->bias);
    ck_assert_pstr_eq(f.missing, c->missing);
    if (c->weight) ck_assert(f.input_min == -INFINITY && f.input_max == INFINITY);
    graded_free(g);
}
END_TEST

/* Around a text model there may be another, whose input embeddings are no output of a module. */
START_TEST(factors_of_a_whole_model_are_found)
{
    Text text = { tiny_write_multimodal(PER_LAYER, "{}"), temporary("inputs.safetensors") };
    write_arrays(text.inputs, two_rows);
    Graded g = grade(text.model, text.inputs, backend_dump(text, &(Backend){ .class = "fp32" }), "fp32");
    int step = step_named(&g, "model.language_model.per_layer_model_projection");
    ProductFactors f = product_factors_of(g.lockstep, g.model, step, &scratch);
    ck_assert_int_eq(f.kind, PRODUCT_LINEAR);
    assert_factor(&g, f.x, f.x_tap, "model#inputs_embeds");
    assert_array(&g, f.weight, "model.language_model.per_layer_model_projection.weight");

    f = product_factors_of(g.lockstep, g.model, step_named(&g, "lm_head"), &scratch);
    assert_array(&g, f.weight, "model.language_model.embed_tokens.weight");
    graded_free(g);
}
END_TEST

static double scalar(const Graded *g, const char *module, const char *name)
{
    double value;
    const Array *array = checkpoint_array(model_checkpoint(g->model), arena_format(&scratch, "%s.%s", module, name));
    array_read_f64(array, 0, 1, &value);
    return value;
}

START_TEST(clamps_are_found)
{
    Graded g = grade(E2B "/model", E2B "/inputs.safetensors", BF16, "bf16");
    for (int i = 0; i < COUNT(clamped); i++) {
        ProductFactors f = product_factors_of(g.lockstep, g.model, step_named(&g, clamped[i].tap), &scratch);
        ck_assert_int_eq(f.kind, clamped[i].kind);
        assert_factor(&g, f.x, f.x_tap, clamped[i].x);
        assert_factor(&g, f.other, f.other_tap, clamped[i].other);
        assert_array(&g, f.weight, clamped[i].weight);
        if (!clamped[i].weight) continue;
        const char *module = clamped[i].clamped;
        ck_assert_double_eq(f.input_min, module ? scalar(&g, module, "input_min") : -INFINITY);
        ck_assert_double_eq(f.input_max, module ? scalar(&g, module, "input_max") : INFINITY);
        ck_assert(!module || (isfinite(f.input_min) && f.input_min < f.input_max));
    }
    graded_free(g);
}
END_TEST

Suite *product_factors_suite(void)
{
    Suite *suite = suite_create("product_factors");
    tcase_add_loop_test(theme(suite, "text"), factors_are_found, 0, COUNT(cases));
    tcase_add_test(theme(suite, "whole"), factors_of_a_whole_model_are_found);
    tcase_add_test(theme(suite, "vision"), clamps_are_found);
    return suite;
}
