/* test_unknown_defects.c - defects that are in no catalogue: found where they are, and given no known name */
#include <sys/stat.h>

#include "backends.h"
#include "diagnose/diagnose.h"

#define TEXT "fixtures/e2b-text"
#define TWO_HEADS "fixtures/31b"
#define DECODING "fixtures/e2b"

typedef struct {
    const char *folder, *class;
    Edit *weights, *tap; /* of the backend's file, or of what it computes; the other is NULL */
    const char *context; /* the weight or the tap */
    int tokens;
    const char *bent, *bent_layer; /* the first bent step of a whole dump, and of layer outputs */
} Defect;

static int64_t count_of(const Value *value)
{
    int64_t count = 1;
    for (int i = 0; i < value->rank; i++) count *= value->shape[i];
    return count;
}

/* ---------------------------------------------------------------- in weights */

static void exchange_layers(Value *value, const void *context)
{
    if (strcmp(value->name, "model.layers.0.mlp.down_proj.weight") == 0)
        value->name = "model.layers.1.mlp.down_proj.weight";
    else if (strcmp(value->name, context) == 0)
        value->name = "model.layers.0.mlp.down_proj.weight";
}

static void transpose(Value *value, const void *context)
{
    if (strcmp(value->name, context) != 0) return;
    ck_assert_int_eq(value->shape[0], value->shape[1]);
    for (int64_t i = 0; i < value->shape[0]; i++)
        for (int64_t j = 0; j < i; j++) {
            float lower = *value_at(value, i, j);
            *value_at(value, i, j) = *value_at(value, j, i);
            *value_at(value, j, i) = lower;
        }
}

static void fill_with_ones(Value *value, const void *context)
{
    if (strcmp(value->name, context) != 0) return;
    for (int64_t i = 0; i < count_of(value); i++) value->values[i] = 1;
}

static void round_to_eighths(Value *value, const void *context)
{
    if (strcmp(value->name, context) != 0) return;
    for (int64_t i = 0; i < count_of(value); i++) value->values[i] = rintf(8 * value->values[i]) / 8;
}

/* ---------------------------------------------------------------- in what is computed */

static void negate(Value *value, const void *context)
{
    if (strcmp(value->name, context) != 0) return;
    for (int64_t i = 0; i < count_of(value); i++) value->values[i] = -value->values[i];
}

static void scale(Value *value, const void *context)
{
    if (strcmp(value->name, context) != 0) return;
    for (int64_t i = 0; i < count_of(value); i++) value->values[i] *= 0.8f;
}

static void flip_channel(Value *value, const void *context)
{
    if (strcmp(value->name, context) != 0) return;
    int64_t width = value->shape[value->rank - 1];
    for (int64_t i = 5; i < count_of(value); i += width) value->values[i] = -value->values[i];
}

static void spoil_head(Value *value, const void *context)
{
    if (strcmp(value->name, context) != 0) return;
    int64_t head = count_of(value) / value->shape[1];
    for (int64_t i = head; i < 2 * head; i++) value->values[i] *= 1.5f;
}

/* The newest key but one is that of the token before it. */
static void keep_stale_row(Value *value, const void *context)
{
    if (strcmp(value->name, context) != 0) return;
    int64_t rows = value->shape[2], width = value->shape[3];
    for (int64_t j = 0; j < width; j++) *value_at(value, rows - 2, j) = *value_at(value, rows - 3, j);
}

/* Softmax that gives eight bits. Attention weights come head by head. */
static void round_to_bytes(Value *value, const void *context)
{
    if (strcmp(value->name, context) != 0) return;
    int64_t count = value->shape[2] * value->shape[3];
    for (int64_t i = 0; i < count; i++) value->values[i] = rintf(256 * value->values[i]) / 256;
}

/* ---------------------------------------------------------------- the test */

#define LANGUAGE "model.language_model."

static const Defect defects[] = {
    { TEXT, "bf16", exchange_layers, NULL, "model.layers.1.mlp.down_proj.weight", 0, "model.layers.0.mlp.down_proj",
      "model.layers.0" },
    { TEXT, "bf16", transpose, NULL, "model.layers.1.mlp.gate_proj.weight", 0, "model.layers.1.mlp.gate_proj",
      "model.layers.1" },
    { TEXT, "fp16", fill_with_ones, NULL, "model.layers.1.pre_feedforward_layernorm.weight", 0,
      "model.layers.1.pre_feedforward_layernorm", "model.layers.1" },
    { TEXT, "bf16", round_to_eighths, NULL, "model.layers.0.self_attn.o_proj.weight", 0,
      "model.layers.0.self_attn.o_proj", "model.layers.0" },
    { TEXT, "fp16", NULL, negate, "model.rotary_emb#sliding_attention_sin", 0, "model.rotary_emb#sliding_attention_sin",
      "model.layers.0" },
    { TEXT, "bf16", NULL, flip_channel, "model.layers.1.mlp.down_proj", 0, "model.layers.1.mlp.down_proj",
      "model.layers.1" },
    { TEXT, "fp32", NULL, round_to_bytes, "model.layers.1.self_attn#attn_weights", 0,
      "model.layers.1.self_attn#attn_weights", "model.layers.1" },
    { TWO_HEADS, "bf16", NULL, spoil_head, LANGUAGE "layers.0.self_attn#query_states", 0,
      LANGUAGE "layers.0.self_attn#query_states", LANGUAGE "layers.0" },
    { DECODING, "fp32", NULL, keep_stale_row, LANGUAGE "layers.0.self_attn#key_states@2", 3,
      LANGUAGE "layers.0.self_attn#key_states@2", LANGUAGE "layers.0@2" },
    { DECODING, "bf16", NULL, scale, LANGUAGE "layers.0.post_attention_layernorm", 0,
      LANGUAGE "layers.0.post_attention_layernorm", LANGUAGE "layers.0" },
};

/* The backend's model: the fixture's, or one with a wrong weight */
static const char *defective_model(const Defect *d)
{
    const char *model = arena_format(&scratch, "%s/model", d->folder);
    if (!d->weights) return model;
    const char *folder = temporary("model");
    ck_assert_int_eq(mkdir(folder, 0777), 0);
    copy_file(arena_format(&scratch, "%s/config.json", model), arena_format(&scratch, "%s/config.json", folder));
    const char *weights = edited_dump(arena_format(&scratch, "%s/model.safetensors", model), d->weights, d->context);
    ck_assert_int_eq(rename(weights, arena_format(&scratch, "%s/model.safetensors", folder)), 0);
    return folder;
}

static void assert_unnamed(const Defect *d, const char *dump, const char *const *only, const char *bent)
{
    Error error = { "" };
    const char *model_folder = arena_format(&scratch, "%s/model", d->folder);
    Model *model = model_open(model_folder, &error);
    Inputs inputs = inputs_open(arena_format(&scratch, "%s/inputs.safetensors", d->folder), &error);
    Dump *opened = dump_open(dump, &error);
    assert_clean(&error);
    Trial trial = { .model = model,
                    .inputs = &inputs,
                    .dump = opened,
                    .class = class_find(d->class),
                    .options = { .only = only, .ignore_eos = true } };
    Grade *grade;
    Diagnosis *diagnosis = diagnose(&trial, &grade, &error);
    assert_clean(&error);
    assert_bent_at(grade, bent);
    ck_assert_msg(diagnosis->named_count == 0, "%s is named", diagnosis->named_count ? diagnosis->named[0]->id : "");
    ck_assert(!diagnosis->complete && diagnosis->pattern);
    diagnosis_free(diagnosis);
    grade_free(grade);
    dump_close(opened);
    inputs_close(&inputs);
    model_close(model);
}

START_TEST(defect_is_found_and_not_named)
{
    const Defect *d = &defects[_i];
    Text backend = { defective_model(d), arena_format(&scratch, "%s/inputs.safetensors", d->folder) };
    const char *dump = backend_dump(
        backend, &(Backend){ .class = d->class, .max_new_tokens = d->tokens, .edit = d->tap, .context = d->context });
    assert_unnamed(d, dump, NULL, d->bent);
    assert_unnamed(d, dump, layer_outputs, d->bent_layer);
}
END_TEST

Suite *unknown_defects_suite(void)
{
    Suite *suite = suite_create("unknown_defects");
    tcase_add_loop_test(theme(suite, "unnamed"), defect_is_found_and_not_named, 0, COUNT(defects));
    return suite;
}
