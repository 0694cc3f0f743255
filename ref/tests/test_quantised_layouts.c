/* test_quantised_layouts.c - MLX, GPTQ, AWQ, bitsandbytes and FP4 files, a few codes each, worked out by hand */
#include "checkpoint/loader.h"
#include "checkpoint/quantization_config.h"

#include "helpers.h"

typedef struct {
    const char *name; /* behind "model.a." */
    Dtype dtype;
    int rank;
    int64_t shape[2];
    const void *bytes;
} Part;

#define WORDS(...) \
    (const uint32_t[]) { __VA_ARGS__ }
#define BYTES(...) \
    (const unsigned char[]) { __VA_ARGS__ }
#define FLOATS(...) \
    (const float[]) { __VA_ARGS__ }
#define STATE "{\"shape\": [2, 3], \"blocksize\": 4}"
#define OF_8_BITS(type, more)                                                                       \
    "{\"quant_method\": \"compressed-tensors\", \"config_groups\": {\"g\": {\"targets\": [\"Linear\"], " \
    "\"weights\": {\"num_bits\": 8, \"type\": \"" type "\"}, "                                      \
    "\"input_activations\": {\"num_bits\": 8, \"type\": \"" type "\"" more "}}}}"
#define NESTED "{\"shape\": [2, 3], \"blocksize\": 4, \"nested_blocksize\": 1, \"nested_offset\": 0.5}"
#define STATE_PART(text)                                                               \
    {                                                                                  \
        "weight.quant_state.bitsandbytes__nf4", DTYPE_U8, 1, { sizeof text - 1 }, text \
    }

static const float map_of_16[16] = { -8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7 };
static const float map_of_256[256] = { [3] = 0.25f, [7] = 2 };

/* The last layout has it, the first, and the one whose scales are quantised: a test makes them large. */
static float global_scale = 4, scale_and_bias[] = { 0.5, -3 }, nested_scales[] = { 6, 1.75 };
static float input_scale = 0.25;

enum { MOST_PARTS = 6 };
static const struct {
    const char *config, *scheme;
    Part parts[MOST_PARTS];
    int64_t shape[2];
    int listed; /* of the first values */
    double values[16];
} layouts[] = {
    { "{\"bits\": 3, \"group_size\": 32}",
      "mlx affine 3, groups of 32",
      { { "weight",
          DTYPE_U32,
          2,
          { 1, 3 },
          WORDS(0x88 | 07u << 30, 3, 0) }, /* codes 0, 1, 2 and, over a word's end, 7 */
        { "scales", DTYPE_F32, 2, { 1, 1 }, &scale_and_bias[0] },
        { "biases", DTYPE_F32, 2, { 1, 1 }, &scale_and_bias[1] } },
      { 1, 32 },
      12,
      { -3, -2.5, -2, -3, -3, -3, -3, -3, -3, -3, 0.5, -2.5 } },
    { "{\"bits\": 8, \"group_size\": 32, \"model.a\": {\"bits\": 4, \"group_size\": 16, \"mode\": \"nvfp4\"}}",
      "mlx nvfp4, groups of 16",
      { { "weight", DTYPE_U32, 2, { 1, 2 }, WORDS(0xf21, 0) }, { "scales", DTYPE_U8, 2, { 1, 1 }, BYTES(0x40) } },
      { 1, 16 },
      4,
      { 1, 2, -12, 0 } },
    { "{\"bits\": 4, \"group_size\": 32, \"mode\": \"mxfp4\"}",
      "mlx mxfp4, groups of 32",
      { { "weight", DTYPE_U32, 2, { 1, 4 }, WORDS(0x97, 0, 0, 0) }, { "scales", DTYPE_U8, 2, { 1, 1 }, BYTES(126) } },
      { 1, 32 },
      3,
      { 3, -0.25, 0 } },
    { "{\"quant_method\": \"gptq\", \"bits\": 8, \"group_size\": 2}",
      "gptq int8, groups of 2",
      { { "qweight", DTYPE_I32, 2, { 1, 4 }, WORDS(0x04030201, 0x14131211, 0, 0) },
        { "qzeros", DTYPE_I32, 2, { 2, 1 }, WORDS(0x00000f00, 0x00000001) },
        { "scales", DTYPE_F32, 2, { 2, 4 }, FLOATS(1, 2, 1, 1, 10, 20, 1, 1) },
        { "g_idx", DTYPE_I32, 1, { 4 }, WORDS(0, 1, 1, 0) } },
      { 4, 4 },
      16,
      { 0, 0, 10, 3, 2, 340, 360, 8, -1, -1, -1, -1, -1, -1, -1, -1 } },
    { "{\"quant_method\": \"gptq\", \"bits\": 8, \"group_size\": -1, \"checkpoint_format\": \"gptq_v2\"}",
      "gptq int8, groups of -1",
      { { "qweight", DTYPE_I32, 2, { 1, 4 }, WORDS(0x04030201, 0x14131211, 0, 0) },
        { "qzeros", DTYPE_I32, 2, { 1, 1 }, WORDS(0x00000f01) },
        { "scales", DTYPE_F32, 2, { 1, 4 }, FLOATS(1, 2, 1, 1) } },
      { 4, 4 },
      16,
      { 0, 1, 2, 3, 4, 6, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0 } },
    { "{\"quant_method\": \"awq\", \"bits\": 4, \"group_size\": 1}",
      "awq int4, groups of 1",
      { { "qweight", DTYPE_I32, 2, { 1, 1 }, WORDS(0x75316420) },
        { "qzeros", DTYPE_I32, 2, { 1, 1 }, WORDS(0x00000001) },
        { "scales", DTYPE_F32, 2, { 1, 8 }, FLOATS(1, 1, 1, 1, 1, 1, 1, 2) } },
      { 8, 1 },
      8,
      { -1, 1, 2, 3, 4, 5, 6, 14 } },
    { "{\"quant_method\": \"bitsandbytes\", \"load_in_4bit\": true}",
      "nf4, blocks of 4",
      { { "weight", DTYPE_U8, 2, { 3, 1 }, BYTES(0x9a, 0x7f, 0x0b) },
        { "weight.quant_map", DTYPE_F32, 1, { 16 }, map_of_16 },
        { "weight.absmax", DTYPE_F32, 1, { 2 }, FLOATS(2, 10) },
        STATE_PART(STATE) },
      { 2, 3 },
      6,
      { 2, 4, -2, 14, -80, 30 } },
    { "{\"quant_method\": \"bitsandbytes\", \"load_in_4bit\": true}",
      "nf4, blocks of 4, scales quantised",
      { { "weight", DTYPE_U8, 2, { 3, 1 }, BYTES(0x9a, 0x7f, 0x0b) },
        { "weight.quant_map", DTYPE_F32, 1, { 16 }, map_of_16 },
        { "weight.absmax", DTYPE_U8, 1, { 2 }, BYTES(3, 7) },
        { "weight.nested_quant_map", DTYPE_F32, 1, { 256 }, map_of_256 },
        { "weight.nested_absmax", DTYPE_F32, 1, { 2 }, nested_scales },
        STATE_PART(NESTED) },
      { 2, 3 },
      6,
      { 2, 4, -2, 14, -32, 12 } },
    { "{\"quant_method\": \"compressed-tensors\", \"config_groups\": {\"g\": {\"targets\": [\"Linear\"], \"weights\": "
      "{\"num_bits\": 4, \"type\": \"float\", \"strategy\": \"tensor_group\", \"group_size\": 16}}}}",
      "fp4, groups of 16",
      { { "weight_packed", DTYPE_U8, 2, { 1, 8 }, BYTES(0x31, 0xe2, 0, 0, 0, 0, 0, 0) },
        { "weight_scale", DTYPE_F8_E4M3, 2, { 1, 1 }, BYTES(0x40) },
        { "weight_global_scale", DTYPE_F32, 1, { 1 }, &global_scale } },
      { 1, 16 },
      4,
      { 0.25, 0.75, 0.5, -2 } },
    { "{\"quant_method\": \"torchao\", \"quant_type\": {\"default\": {\"_type\": \"IntxWeightOnlyConfig\"}}}",
      "torchao integers, groups of 2",
      { { "_weight_qdata", DTYPE_I8, 2, { 1, 4 }, BYTES(7, 0xf8, 1, 0) },
        { "_weight_scale", DTYPE_F32, 2, { 1, 2 }, nested_scales },
        { "_weight_zero_point", DTYPE_I8, 2, { 1, 2 }, BYTES(0xff, 2) } },
      { 1, 4 },
      4,
      { 48, -42, -1.75, -3.5 } },
    { "{\"quant_method\": \"torchao\", \"quant_type\": {\"default\": {\"_type\": \"Float8WeightOnlyConfig\"}}}",
      "torchao fp8 per channel",
      { { "_weight_qdata", DTYPE_F8_E4M3, 2, { 1, 2 }, BYTES(0x40, 0xb8) },
        { "_weight_scale", DTYPE_F32, 2, { 1, 1 }, nested_scales } },
      { 1, 2 },
      2,
      { 12, -6 } },
    { OF_8_BITS("float", ", \"dynamic\": false"),
      "fp8 per tensor",
      { { "weight", DTYPE_F8_E4M3, 2, { 1, 2 }, BYTES(0x40, 0xb8) },
        { "weight_scale", DTYPE_F32, 1, { 1 }, &scale_and_bias[0] },
        { "input_scale", DTYPE_F32, 1, { 1 }, &input_scale } },
      { 1, 2 },
      2,
      { 1, -0.5 } },
    { OF_8_BITS("int", ""),
      "int8 per tensor",
      { { "weight", DTYPE_I8, 2, { 1, 2 }, BYTES(3, 0xfe) },
        { "weight_scale", DTYPE_F32, 1, { 1 }, &scale_and_bias[0] },
        { "input_scale", DTYPE_F32, 0, { 0 }, &input_scale } },
      { 1, 2 },
      2,
      { 1.5, -1 } },
    { "{\"quant_method\": \"modelopt\", \"quant_algo\": \"NVFP4\"}",
      "nvfp4, groups of 16",
      { { "weight", DTYPE_U8, 2, { 1, 8 }, BYTES(0x31, 0xe2, 0, 0, 0, 0, 0, 0) },
        { "weight_scale", DTYPE_F8_E4M3, 2, { 1, 1 }, BYTES(0x40) },
        { "weight_scale_2", DTYPE_F32, 0, { 0 }, &scale_and_bias[0] },
        { "input_scale", DTYPE_F32, 0, { 0 }, &input_scale } },
      { 1, 16 },
      4,
      { 0.5, 1.5, 1, -4 } },
    { "{\"quant_method\": \"modelopt\", \"quant_algo\": \"FP8\"}",
      "fp8 per tensor",
      { { "weight", DTYPE_F8_E4M3, 2, { 1, 2 }, BYTES(0x40, 0xb8) },
        { "weight_scale", DTYPE_F32, 0, { 0 }, &scale_and_bias[0] },
        { "input_scale", DTYPE_F32, 0, { 0 }, &input_scale } },
      { 1, 2 },
      2,
      { 1, -0.5 } },
    { "{\"quant_method\": \"compressed-tensors\", \"config_groups\": {\"g\": {\"targets\": [\"Linear\"], "
      "\"weights\": {\"num_bits\": 4, \"type\": \"float\", \"strategy\": \"tensor_group\", \"group_size\": 16}, "
      "\"input_activations\": {\"num_bits\": 4, \"type\": \"float\", \"strategy\": \"tensor_group\", "
      "\"group_size\": 16, \"dynamic\": \"local\"}}}}",
      "fp4, groups of 16",
      { { "weight_packed", DTYPE_U8, 2, { 1, 8 }, BYTES(0x31, 0, 0, 0, 0, 0, 0, 0) },
        { "weight_scale", DTYPE_F8_E4M3, 2, { 1, 1 }, BYTES(0x40) },
        { "weight_global_scale", DTYPE_F32, 1, { 1 }, &global_scale },
        { "input_global_scale", DTYPE_F32, 1, { 1 }, &global_scale } },
      { 1, 16 },
      2,
      { 0.25, 0.75 } },
};

static void write_layout(int layout, const char *spoilt)
{
    Error error = { "" };
    SafetensorsWriter *writer = safetensors_writer_open(temporary("model.safetensors"), &error);
    for (int i = 0; i < MOST_PARTS && layouts[layout].parts[i].name; i++) {
        const Part *part = &layouts[layout].parts[i];
        if (spoilt && strcmp(part->name, spoilt) == 0) continue;
        Array array = { .rank = part->rank, .shape = { part->shape[0], part->shape[1] } };
        safetensors_writer_begin(writer, arena_format(&scratch, "model.a.%s", part->name), part->dtype, part->rank,
                                 part->shape);
        safetensors_writer_append(writer, part->bytes, (size_t)array_elements(&array) * dtype_size(part->dtype));
    }
    safetensors_writer_close(writer, &error);
    assert_clean(&error);
}

static Checkpoint *opened(const char *object, Error *error)
{
    Checkpoint *checkpoint = checkpoint_open(temporary_folder(), error);
    assert_clean(error);
    json_t *json = json_loads(arena_format(&scratch, "{\"quantization_config\": %s}", object), 0, NULL);
    ck_assert_ptr_nonnull(json);
    read_quantization_config(checkpoint, (ConfigReader){ temporary("config.json"), "", json, error });
    json_decref(json);
    return checkpoint;
}

START_TEST(layout_is_read)
{
    Error error = { "" };
    write_layout(_i, NULL);
    Checkpoint *checkpoint = opened(layouts[_i].config, &error);
    assert_clean(&error);
    ck_assert_int_eq(checkpoint->tensor_count, 1);
    const Array *weight = loader_tensor((Loader){ checkpoint, "model.a", &error }, "weight", 2, layouts[_i].shape);
    assert_clean(&error);
    ck_assert_str_eq(array_scheme(weight), layouts[_i].scheme);
    double values[32];
    int64_t count = array_elements(weight);
    array_read_f64(weight, 0, count, values);
    for (int64_t i = 0; i < count && i < layouts[_i].listed; i++)
        assert_near(values[i], layouts[_i].values[i], 0, "element", i);
    checkpoint_close(checkpoint);
}
END_TEST

/* Each part is finite, and a weight is not. */
static const struct {
    int layout;
    float *part, values[2];
    int count;
    bool refused;
} large[] = {
    { COUNT(layouts) - 1, &global_scale, { 1e-38F }, 1, true },
    { COUNT(layouts) - 1, &global_scale, { 1e-35F }, 1, false },
    { 0, scale_and_bias, { 4e37F, -3 }, 2, false },
    { 0, scale_and_bias, { 4e37F, 2e38F }, 2, true },
    { 7, nested_scales, { 6, 3e38F }, 2, true }, /* twice that is the second scale: infinity */
    { 7, nested_scales, { 6, 1e38F }, 2, true },
    { 7, nested_scales, { 6, 1e36F }, 2, false },
};

START_TEST(scales_too_large_are_refused)
{
    int layout = large[_i].layout;
    Error error = { "" };
    float usual[2];
    size_t size = (size_t)large[_i].count * sizeof *usual;
    memcpy(usual, large[_i].part, size);
    memcpy(large[_i].part, large[_i].values, size);
    write_layout(layout, NULL);
    memcpy(large[_i].part, usual, size);
    Checkpoint *checkpoint = opened(layouts[layout].config, &error);
    const Array *weight = loader_tensor((Loader){ checkpoint, "model.a", &error }, "weight", 2, layouts[layout].shape);
    if (large[_i].refused)
        assert_refused(&error, NULL,
                       "model.a.weight: found NaN or infinity, or scales that make weights larger than float32 holds, "
                       "expected finite weights");
    else
        ck_assert(weight && !error_is_set(&error));
    checkpoint_close(checkpoint);
}
END_TEST

/* Layouts that say what inputs are rounded to, and what a declaration makes of their scales */
static const struct {
    int layout;
    InputCodes inputs;
    float scale;
    const char *declared;
    float scale_declared;
} rounded[] = {
    { 11, INPUTS_FP8_STATIC, 0.25, "fp8-token", 0 }, { 12, INPUTS_INT8_STATIC, 0.25, "none", 0 },
    { 13, INPUTS_FP4_GROUP, 4, "fp4-group", 4 },     { 13, INPUTS_FP4_GROUP, 4, "none", 0 },
    { 14, INPUTS_FP8_STATIC, 0.25, "fp4-group", 0 }, { 15, INPUTS_FP4_GROUP, 4, "fp4-group", 4 },
};

static Array weight_of(int layout, const char *declared)
{
    Error error = { "" };
    write_layout(layout, NULL);
    if (declared) ck_assert(input_codes_declare(declared, &declared_inputs));
    Checkpoint *checkpoint = opened(layouts[layout].config, &error);
    assert_clean(&error);
    checkpoint_declare_inputs(checkpoint);
    Array weight = *checkpoint_find(checkpoint, "model.a.weight")->array;
    checkpoint_close(checkpoint);
    declared_inputs = (DeclaredInputs){ 0 };
    return weight;
}

START_TEST(inputs_have_a_rule)
{
    Array weight = weight_of(rounded[_i].layout, NULL);
    ck_assert(weight.inputs == rounded[_i].inputs && weight.input_scale == rounded[_i].scale);
    weight = weight_of(rounded[_i].layout, rounded[_i].declared);
    ck_assert_str_eq(input_codes_name(weight.inputs), rounded[_i].declared);
    ck_assert(weight.input_scale == rounded[_i].scale_declared);
}
END_TEST

static const struct {
    int layout;
    float scale;
} bad_scales[] = {
    { 11, 0 }, { 11, -1 }, { 11, NAN }, { 12, INFINITY }, { 13, 0 }, { 13, 1e-40F }, { 14, NAN }, { 14, -0.5 },
};

START_TEST(input_scale_is_refused)
{
    Error error = { "" };
    input_scale = bad_scales[_i].scale;
    write_layout(bad_scales[_i].layout, NULL);
    input_scale = 0.25;
    checkpoint_close(opened(layouts[bad_scales[_i].layout].config, &error));
    assert_refused(&error, temporary("model.safetensors"), "model.a.input_scale: found ");
}
END_TEST

/* Each part is missed when it is not there. */
START_TEST(part_is_missed)
{
    for (int i = 0; i < MOST_PARTS && layouts[_i].parts[i].name; i++) {
        Error error = { "" };
        const char *part = layouts[_i].parts[i].name;
        if (strcmp(part, "g_idx") == 0) continue;              /* old files have none */
        if (strcmp(part, "_weight_zero_point") == 0) continue; /* of floats there is none */
        write_layout(_i, part);
        Checkpoint *checkpoint = opened(layouts[_i].config, &error);
        loader_tensor((Loader){ checkpoint, "model.a", &error }, "weight", 2, layouts[_i].shape);
        assert_refused(&error, NULL, "model.a.");
        checkpoint_close(checkpoint);
    }
}
END_TEST

static const struct {
    int layout;
    const char *config, *says;
} bad[] = {
    { 0, "{\"bits\": 7, \"group_size\": 32}", "bits: found another width" },
    { 0, "{\"bits\": 3, \"group_size\": 64, \"mode\": \"mxfp8\"}", "mode: found mxfp8" },
    { 0, "{\"bits\": 3, \"group_size\": 8}", "model.a.scales: found shape [1, 1], expected [1, 4]" },
    { 0, "{\"bits\": 3, \"group_size\": 64}",
      "model.a.scales: found scales for groups of 64, expected groups that divide rows of 32 columns" },
    { 0, "{\"bits\": 5, \"group_size\": 32}", "expected rows of whole codes of 5 bits" },
    { 3, "{\"quant_method\": \"gptq\", \"bits\": 4, \"group_size\": 2}",
      "model.a.scales: found shape [2, 4], expected [4, 4]" },
    { 3, "{\"quant_method\": \"gptq\", \"bits\": 8, \"group_size\": 4}",
      "model.a.scales: found shape [2, 4], expected [1, 4]" },
    { 3, "{\"quant_method\": \"gptq\", \"bits\": 3, \"group_size\": 2}", "bits: found another width" },
    { 5, "{\"quant_method\": \"awq\", \"bits\": 4, \"group_size\": 1, \"version\": \"gemv\"}", "version: found gemv" },
    { 5, "{\"quant_method\": \"awq\", \"bits\": 4, \"group_size\": 2}",
      "model.a.scales: found scales for groups of 2, expected groups that divide rows of 1 columns" },
    { 6, "{\"quant_method\": \"bitsandbytes\", \"load_in_8bit\": true}", "load_in_8bit: found true" },
    { 9,
      "{\"quant_method\": \"torchao\", \"quant_type\": {\"default\": {\"_type\": "
      "\"Int8DynamicActivationIntxWeightConfig\"}}}",
      "quant_type: found Int8DynamicActivationIntxWeightConfig, expected --activations" },
    { 9, "{\"quant_method\": \"torchao\"}",
      "quant_type: found no configuration of weights alone, expected --activations" },
};

START_TEST(config_is_refused)
{
    Error error = { "" };
    write_layout(bad[_i].layout, NULL);
    Checkpoint *checkpoint = opened(bad[_i].config, &error);
    assert_refused(&error, NULL, bad[_i].says);
    checkpoint_close(checkpoint);
}
END_TEST

START_TEST(codes_without_columns_are_refused)
{
    static const Part parts[] = { { "qweight", DTYPE_I32, 2, { 0, 1 }, "" },
                                  { "qzeros", DTYPE_I32, 2, { 0, 1 }, "" },
                                  { "scales", DTYPE_F32, 2, { 0, 8 }, "" } };
    Error error = { "" };
    SafetensorsWriter *writer = safetensors_writer_open(temporary("model.safetensors"), &error);
    for (int i = 0; i < COUNT(parts); i++)
        safetensors_writer_begin(writer, arena_format(&scratch, "model.a.%s", parts[i].name), parts[i].dtype, 2,
                                 parts[i].shape);
    safetensors_writer_close(writer, &error);
    Checkpoint *checkpoint = opened("{\"quant_method\": \"awq\", \"bits\": 4, \"group_size\": -1}", &error);
    assert_refused(&error, NULL, "model.a.scales: found scales for groups of 0");
    checkpoint_close(checkpoint);
}
END_TEST

/* A tensor that mlx-vlm calls otherwise, codes or not, is found under Hugging Face's name. */
static const char *const mlx_names[][2] = {
    { "language_model.model.norm.weight", "model.language_model.norm.weight" },
    { "language_model.lm_head.weight", "lm_head.weight" },
    { "vision_tower.std_bias", "model.vision_tower.std_bias" },
    { "embed_vision.embedding_projection.weight", "model.embed_vision.embedding_projection.weight" },
};

START_TEST(mlx_name_is_hugging_faces)
{
    Error error = { "" };
    SafetensorsWriter *writer = safetensors_writer_open(temporary("model.safetensors"), &error);
    for (int i = 0; i < COUNT(mlx_names); i++) {
        safetensors_writer_begin(writer, mlx_names[i][0], DTYPE_F32, 1, (int64_t[]){ 1 });
        safetensors_writer_append(writer, FLOATS(1), 4);
    }
    const Part *parts = layouts[0].parts;
    for (int i = 0; i < 3; i++) {
        const char *name = arena_format(&scratch, "language_model.model.a.%s", parts[i].name);
        safetensors_writer_begin(writer, name, parts[i].dtype, 2, parts[i].shape);
        safetensors_writer_append(writer, parts[i].bytes, (size_t)parts[i].shape[1] * 4);
    }
    safetensors_writer_close(writer, &error);
    Checkpoint *checkpoint = opened(layouts[0].config, &error);
    assert_clean(&error);
    ck_assert_int_eq(checkpoint->tensor_count, COUNT(mlx_names) + 1);
    for (int i = 0; i < COUNT(mlx_names); i++) ck_assert_ptr_nonnull(checkpoint_find(checkpoint, mlx_names[i][1]));
    const CheckpointTensor *weight = checkpoint_find(checkpoint, "model.language_model.a.weight");
    ck_assert_ptr_nonnull(weight);
    ck_assert_str_eq(array_scheme(weight->array), layouts[0].scheme);
    checkpoint_close(checkpoint);
}
END_TEST

#define TABLE "model.vision_tower.patch_embedder."

/* Writes a table of one code a position, [2, 2, 1], beside scales of that shape. */
static void write_executorch_table(const char *shape, const float *scales)
{
    unsigned char data[4 + 16] = { 1, 0xff, 127, 0x80 };
    memcpy(data + 4, scales, 16);
    const char *header = arena_format(
        &scratch,
        "{\"" TABLE "_pet_int8\": {\"dtype\": \"I8\", \"shape\": [2, 2, 1], \"data_offsets\": [0, 4]}, "
        "\"" TABLE "_pet_scale\": {\"dtype\": \"F32\", \"shape\": %s, \"data_offsets\": [4, 20]}}",
        shape);
    write_safetensors(temporary("model.safetensors"), header, -1, 20);
    size_t size;
    char *bytes = read_text(temporary("model.safetensors"), &size);
    memcpy(bytes + size - 20, data, 20);
    write_bytes(temporary("model.safetensors"), bytes, size);
}

/* The table in *checkpoint, which is to be closed; NULL with error set */
static const Array *executorch_table(Checkpoint **checkpoint, Error *error)
{
    *checkpoint = checkpoint_open(temporary_folder(), error);
    json_t *config = json_object();
    read_quantization_config(*checkpoint, (ConfigReader){ "config.json", "", config, error });
    json_decref(config);
    Loader at = { *checkpoint, "model.vision_tower.patch_embedder", error };
    return load_tensor(at, "position_embedding_table", 2, 2, 1);
}

START_TEST(executorch_positions)
{
    static const double expected[] = { 0.5, -2, 127 * 0.25, -128 };
    Checkpoint *checkpoint;
    Error error = { "" };
    write_executorch_table("[2, 2, 1]", FLOATS(0.5, 2, 0.25, 1));
    const Array *table = executorch_table(&checkpoint, &error);
    assert_clean(&error);
    double found[4];
    array_read_f64(table, 0, 4, found);
    for (int i = 0; i < 4; i++) assert_near(found[i], expected[i], 0, "element", i);
    array_read_f64(table, 3, 1, found);
    assert_near(found[0], expected[3], 0, "the last element", 3);
    ck_assert_str_eq(array_scheme(table), "int8, a scale a position");
    checkpoint_close(checkpoint);
}
END_TEST

START_TEST(executorch_positions_refused)
{
    Checkpoint *checkpoint;
    Error error = { "" };
    write_executorch_table("[2, 1, 2]", FLOATS(0.5, 2, 0.25, 1));
    executorch_table(&checkpoint, &error);
    ck_assert_ptr_nonnull(strstr(error.message, TABLE "_pet_scale: found shape [2, 1, 2], expected [2, 2, 1]"));
    checkpoint_close(checkpoint);

    error = (Error){ "" };
    write_executorch_table("[2, 2, 1]", FLOATS(0.5, NAN, 0.25, 1));
    executorch_table(&checkpoint, &error);
    ck_assert_ptr_nonnull(strstr(error.message, "position_embedding_table: found NaN or infinity"));
    checkpoint_close(checkpoint);
}
END_TEST

Suite *quantised_layouts_suite(void)
{
    Suite *suite = suite_create("quantised_layouts");
    TCase *tcase = theme(suite, "layouts");
    tcase_add_loop_test(tcase, layout_is_read, 0, COUNT(layouts));
    tcase_add_loop_test(tcase, scales_too_large_are_refused, 0, COUNT(large));
    tcase_add_loop_test(tcase, inputs_have_a_rule, 0, COUNT(rounded));
    tcase_add_loop_test(tcase, input_scale_is_refused, 0, COUNT(bad_scales));
    tcase_add_loop_test(tcase, part_is_missed, 0, COUNT(layouts));
    tcase_add_loop_test(tcase, config_is_refused, 0, COUNT(bad));
    tcase_add_test(tcase, codes_without_columns_are_refused);
    tcase_add_test(tcase, mlx_name_is_hugging_faces);
    tcase_add_test(tcase, executorch_positions);
    tcase_add_test(tcase, executorch_positions_refused);
    return suite;
}
