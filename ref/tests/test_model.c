/* test_model.c - a checkpoint folder, and its forward pass against Hugging Face's */
#include "model.h"

#include <stdlib.h>

#include "helpers.h"
#include "tiny.h"

static const struct {
    const char *key, *value, *file, *says;
} bad[] = {
    { "model_type", "\"gemma3\"", "config.json", ": model_type: found gemma3, expected gemma4" },
    { "model_type", NULL, "config.json", ": model_type: found no such key, expected a string" },
    { "model_type", "\"gemma4_text\"", "config.json", ": hidden_size: found no such key, expected a whole number" },
    { "text_config.sliding_window", "0", "config.json",
      ": text_config.sliding_window: found 0, expected a whole number" },
    { "eos_token_id", "\"</s>\"", "config.json", ": eos_token_id: found something else, expected a token id" },
    { "vision_config.patch_size", NULL, "config.json", ": vision_config.patch_size: found no such key" },
    { "vision_config.hidden_size", "64", "model.safetensors",
      ": model.vision_tower.patch_embedder.input_proj.weight: found shape [128, 768], expected [64, 768]" },
    { "vision_config.num_hidden_layers", "3", "model.safetensors",
      ": model.vision_tower.encoder.layers.2.self_attn.q_proj.linear.weight: found no such tensor, "
      "expected [128, 128]" },
    { "vision_config.standardize", "true", "model.safetensors",
      ": model.vision_tower.std_bias: found no such tensor, expected [128]" },
};

START_TEST(bad_config)
{
    Error error = { "" };
    copy_file(E2B "/model/model.safetensors", temporary("model.safetensors"));
    write_edited_json(E2B "/model/config.json", temporary("config.json"), bad[_i].key, bad[_i].value);
    ck_assert_ptr_null(model_open(temporary_folder(), &error));
    assert_refused(&error, temporary(bad[_i].file), bad[_i].says);
}
END_TEST

START_TEST(no_config)
{
    Error error = { "" };
    copy_file(E2B "/model/model.safetensors", temporary("model.safetensors"));
    ck_assert_ptr_null(model_open(temporary_folder(), &error));
    assert_refused(&error, temporary("config.json"), ": found no readable file (No such file");
}
END_TEST

START_TEST(every_tensor_is_asked_for)
{
    Error error = { "" };
    Model *model = model_open(E2B "/model", &error);
    assert_clean(&error);
    const Checkpoint *checkpoint = model_checkpoint(model);
    for (int i = 0; i < checkpoint->tensor_count; i++)
        ck_assert_msg(checkpoint->tensors[i].asked, "%s is left over", checkpoint->tensors[i].array->name);
    model_close(model);
    model_close(NULL);
}
END_TEST

static void change_config(json_t *config, void *context)
{
    ck_assert_ptr_eq(context, &change_config);
    json_object_set_new(config, "num_attention_heads", json_integer(2));
    json_object_set_new(config, "eos_token_id", json_integer(11));
}

static void look_at_weights(Checkpoint *checkpoint, void *context)
{
    ck_assert_ptr_eq(context, &change_config);
    ck_assert_ptr_nonnull(checkpoint_find(checkpoint, "model.norm.weight"));
}

/* Edits are made before anything is loaded: the shapes that the model asks for follow from them. */
START_TEST(edited)
{
    Error error = { "" };
    ModelEdits edits = { change_config, look_at_weights, &change_config };
    const char *folder = tiny_write("{}");
    ck_assert_ptr_null(model_open_edited(folder, &edits, &error));
    assert_refused(&error, temporary("model/model.safetensors"),
                   ": model.layers.0.self_attn.q_proj.weight: found shape [24, 12], expected [12, 12]");
    error = (Error){ "" };
    tiny_write("{\"num_attention_heads\": 2}");
    Model *model = model_open_edited(folder, &edits, &error);
    assert_clean(&error);
    ck_assert(model_ends_at(model, 11) && !model_ends_at(model, 1));
    ck_assert_int_eq(json_integer_value(json_object_get(model_config(model), "eos_token_id")), 11);
    ck_assert_int_eq(model_vocab_size(model), TINY_VOCABULARY);
    ck_assert_int_eq(model_num_experts(model), 0);
    model_close(model);
}
END_TEST

static void change_nothing(json_t *config, void *context)
{
    (void)context;
    json_object_set_new(config, "num_attention_heads", json_integer(2));
}

static void change_end(json_t *config, void *context)
{
    (void)context;
    json_object_set_new(config, "eos_token_id", json_integer(11));
}

static void lose_a_weight(Checkpoint *checkpoint, void *context)
{
    static Array spoilt;
    static const float nan_bits[24] = { NAN };
    CheckpointTensor *norm = checkpoint_find(checkpoint, context);
    spoilt = *norm->array;
    spoilt.dtype = DTYPE_F32;
    spoilt.data = (const unsigned char *)nan_bits;
    norm->array = &spoilt;
}

/* Edits of a model that is open make another one, if they change anything, and are checked as those of a file are. */
START_TEST(opened_like_another)
{
    Error error = { "" };
    Model *model = model_open(tiny_write("{\"num_attention_heads\": 2}"), &error);
    assert_clean(&error);
    ck_assert_ptr_null(model_open_like(model, &(ModelEdits){ .config = change_nothing }, &error));
    assert_clean(&error);
    Model *like = model_open_like(model, &(ModelEdits){ .config = change_end }, &error);
    assert_clean(&error);
    ck_assert(model_ends_at(like, 11) && !model_ends_at(model, 11));
    ck_assert_ptr_eq(checkpoint_array(model_checkpoint(like), "model.norm.weight"),
                     checkpoint_array(model_checkpoint(model), "model.norm.weight"));
    model_close(like);
    ck_assert_ptr_null(
        model_open_like(model, &(ModelEdits){ .weights = lose_a_weight, .context = "model.norm.weight" }, &error));
    assert_refused(&error, temporary("model/model.safetensors"), ": model.norm.weight: found NaN or infinity");
    model_close(model);
}
END_TEST

START_TEST(experts)
{
    Error error = { "" };
    Model *model = model_open(tiny_write("{\"enable_moe_block\": true, \"num_experts\": 6, \"top_k_experts\": 2,"
                                         " \"moe_intermediate_size\": 5}"),
                              &error);
    assert_clean(&error);
    ck_assert_int_eq(model_num_experts(model), 6);
    model_close(model);
}
END_TEST

/* A tower of one layer and a text model of four; how many layers a pass goes through */
static const struct {
    bool input_ids, pixel_values, pixel_values_videos;
    int max_new_tokens, layers;
} passing[] = {
    { false, true, false, 0, 1 }, { true, false, false, 0, 4 }, { true, true, false, 0, 5 },
    { true, true, true, 0, 6 },   { true, false, false, 1, 4 }, { true, false, false, 3, 12 },
    { true, false, true, 3, 13 },
};

START_TEST(layers_of_a_pass)
{
    Error error = { "" };
    Model *model = model_open(tiny_write_multimodal("{}", "{}"), &error);
    assert_clean(&error);
    const Array there = { 0 };
    Inputs inputs = { .input_ids = passing[_i].input_ids ? &there : NULL,
                      .pixel_values = passing[_i].pixel_values ? &there : NULL,
                      .pixel_values_videos = passing[_i].pixel_values_videos ? &there : NULL };
    ck_assert_int_eq(model_layers(model, &inputs, passing[_i].max_new_tokens), passing[_i].layers);
    model_close(model);
}
END_TEST

/* ---------------------------------------------------------------- against Hugging Face's taps */

typedef struct {
    Safetensors *expected;
    double limit; /* of the relative L2 of a tap */
    int taps;
    double difference, norm; /* of the tap that comes in parts */
} Comparison;

static void compare(void *context, const Tap *tap)
{
    Comparison *c = context;
    const Array *array = safetensors_find(c->expected, tap->name);
    /* Hugging Face makes no mask where none is needed, and has no tap of the last token, as it is never fed. */
    if (!array && (strstr(tap->name, "#causal_mask_mapping.") || strncmp(tap->name, "input_ids@", 10) == 0)) return;
    ck_assert_msg(array != NULL, "%s is no tap of Hugging Face", tap->name);
    ck_assert_msg(array_has_shape(array, tap->rank, tap->shape), "%s: found shape %s, expected %s", tap->name,
                  SHAPE_TEXT(tap->rank, tap->shape), SHAPE_TEXT(array->rank, array->shape));
    if (tap->first == 0) c->difference = c->norm = 0;
    for (int64_t i = 0; i < tap->count; i++) {
        real expected;
        array_read(array, tap->first + i, 1, &expected);
        c->difference += pow(((real *)tap->values)[i] - expected, 2);
        c->norm += pow(expected, 2);
    }
    if (tap->first + tap->count < array_elements(array)) return;
    c->taps++;
    double relative = c->difference > 0 ? sqrt(c->difference / c->norm) : 0;
    ck_assert_msg(relative <= c->limit, "%s: relative L2 %g, expected at most %g", tap->name, relative, c->limit);
}

typedef struct {
    Model *model;
    Inputs inputs;
    json_t *json; /* case.json */
} Case;

static Case open_case(const char *folder)
{
    Error error = { "" };
    Case c = { .model = model_open(arena_format(&scratch, "%s/model", folder), &error) };
    assert_clean(&error);
    c.inputs = inputs_open(arena_format(&scratch, "%s/inputs.safetensors", folder), &error);
    assert_clean(&error);
    c.json = config_open(arena_format(&scratch, "%s/case.json", folder), &error);
    assert_clean(&error);
    model_check(c.model, &c.inputs, &error);
    assert_clean(&error);
    return c;
}

static void close_case(Case *c)
{
    json_decref(c->json);
    inputs_close(&c->inputs);
    model_close(c->model);
}

/* Hugging Face's float32, from end to end; the noise of bfloat16 is well above 1e-4 and below 5 %. */
static const struct {
    const char *folder;
    Rounding rounding;
    double limit;
} passes[] = {
    { E2B, ROUNDING_NONE, 1e-5 },
    { "fixtures/31b-vision", ROUNDING_NONE, 1e-5 },
    { E2B, ROUNDING_BF16, 0.05 },
    { E2B, ROUNDING_TF32, 0.01 },
    { "fixtures/31b-vision", ROUNDING_FP16, 0.01 },
    { "fixtures/e2b-text", ROUNDING_NONE, 1e-5 },
    { "fixtures/31b", ROUNDING_NONE, 1e-5 },
    { "fixtures/26b-a4b", ROUNDING_NONE, 1e-5 },
    { "fixtures/e2b", ROUNDING_NONE, 1e-5 },
};

/* A case whose dumps have decode steps was made by generate, which runs shared layers for the last token alone. */
START_TEST(forward)
{
    Error error = { "" };
    Case c = open_case(passes[_i].folder);
    Comparison comparison = { .expected = safetensors_open(
                                  arena_format(&scratch, "%s/expected.safetensors", passes[_i].folder), &error),
                              .limit = passes[_i].limit };
    assert_clean(&error);
    const json_t *steps = json_object_get(json_object_get(c.json, "generate"), "max_new_tokens");
    ck_assert_uint_eq(reference.value_size, sizeof(real));
    reference.forward(c.model, &c.inputs,
                      &(Pass){ .results = passes[_i].rounding,
                               .weights = passes[_i].rounding,
                               .hook = compare,
                               .hook_context = &comparison,
                               .max_new_tokens = (int)json_integer_value(steps),
                               .logits_to_keep = steps ? 1 : 0 });
    ck_assert_int_eq(comparison.taps, safetensors_count(comparison.expected));
    safetensors_close(comparison.expected);
    close_case(&c);
}
END_TEST

/* ---------------------------------------------------------------- against Hugging Face's tokens */

static const char *const with_text[] = { "fixtures/e2b-text", "fixtures/31b", "fixtures/26b-a4b", "fixtures/e2b" };

static void compare_tokens(void *context, const Tap *tap)
{
    const json_t *greedy = context;
    if (strncmp(tap->name, "input_ids@", 10) != 0) return;
    size_t step = strtoul(tap->name + 10, NULL, 10) - 1;
    for (int64_t row = 0; row < tap->count; row++) {
        const json_t *token = json_array_get(json_array_get(greedy, (size_t)row), step);
        ck_assert_msg(((real *)tap->values)[row] == (real)json_integer_value(token), "row %lld, token %zu: found %g",
                      (long long)row, step, (double)((real *)tap->values)[row]);
    }
}

/* 64 tokens, past the sliding window; with shared layers for the last token alone, and for all. */
START_TEST(greedy)
{
    Case c = open_case(with_text[_i / 2]);
    json_t *tokens = json_object_get(c.json, "greedy");
    ck_assert_uint_eq(json_array_size(json_array_get(tokens, 0)), 64);
    reference.forward(c.model, &c.inputs,
                      &(Pass){ .hook = compare_tokens,
                               .hook_context = tokens,
                               .max_new_tokens = 64,
                               .ignore_eos = true,
                               .logits_to_keep = _i % 2 });
    close_case(&c);
}
END_TEST

Suite *model_suite(void)
{
    Suite *suite = suite_create("model");
    TCase *tcase = theme(suite, "open");
    tcase_add_loop_test(tcase, bad_config, 0, COUNT(bad));
    tcase_add_test(tcase, no_config);
    tcase_add_test(tcase, every_tensor_is_asked_for);
    tcase_add_test(tcase, edited);
    tcase_add_test(tcase, opened_like_another);
    tcase_add_test(tcase, experts);
    tcase_add_loop_test(tcase, layers_of_a_pass, 0, COUNT(passing));
    tcase = theme(suite, "forward");
    tcase_add_loop_test(tcase, forward, 0, COUNT(passes));
    tcase_add_loop_test(tcase, greedy, 0, 2 * COUNT(with_text));
    return suite;
}
