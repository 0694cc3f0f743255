/* quantised_seeds.c - a file of each quantised layout, all of whose codes and scales are bytes of 1 */
#include "seeds.h"

#include "helpers.h"

typedef struct {
    const char *name, *dtype;
    int rank, size; /* of an element in bytes */
    int64_t shape[3];
} Part;

enum { MOST_PARTS = 6 };
static const struct {
    const char *config;
    Part parts[MOST_PARTS];
} layouts[] = {
    { "{\"bits\":3,\"group_size\":32}",
      { { "weight", "U32", 2, 4, { 1, 3 } },
        { "scales", "F32", 2, 4, { 1, 1 } },
        { "biases", "F32", 2, 4, { 1, 1 } } } },
    { "{\"bits\":8,\"group_size\":32,\"model.a\":{\"bits\":4,\"group_size\":16,\"mode\":\"nvfp4\"}}",
      { { "weight", "U32", 2, 4, { 1, 2 } }, { "scales", "U8", 2, 1, { 1, 1 } } } },
    { "{\"bits\":4,\"group_size\":32,\"mode\":\"mxfp4\"}",
      { { "weight", "U32", 2, 4, { 1, 4 } }, { "scales", "U8", 2, 1, { 1, 1 } } } },
    { "{\"quant_method\":\"gptq\",\"bits\":8,\"group_size\":2,\"checkpoint_format\":\"gptq_v2\"}",
      { { "qweight", "I32", 2, 4, { 1, 4 } },
        { "qzeros", "I32", 2, 4, { 2, 1 } },
        { "scales", "F32", 2, 4, { 2, 4 } },
        { "g_idx", "I32", 1, 4, { 4 } } } },
    { "{\"quant_method\":\"awq\",\"bits\":4,\"group_size\":1}",
      { { "qweight", "I32", 2, 4, { 1, 1 } },
        { "qzeros", "I32", 2, 4, { 1, 1 } },
        { "scales", "F32", 2, 4, { 1, 8 } } } },
    { "{\"quant_method\":\"compressed-tensors\",\"config_groups\":{\"g\":{\"targets\":[\"Linear\"],\"weights\":"
      "{\"num_bits\":4,\"type\":\"float\",\"strategy\":\"tensor_group\",\"group_size\":16}}}}",
      { { "weight_packed", "U8", 2, 1, { 1, 8 } },
        { "weight_scale", "F8_E4M3", 2, 1, { 1, 1 } },
        { "weight_global_scale", "F32", 1, 4, { 1 } } } },
    { "{\"quant_method\":\"compressed-tensors\",\"format\":\"pack-quantized\",\"config_groups\":{\"g\":{\"targets\":"
      "[\"Linear\"],\"weights\":{\"num_bits\":4,\"type\":\"int\",\"strategy\":\"group\",\"group_size\":4,"
      "\"symmetric\":false}}}}",
      { { "weight_packed", "I32", 2, 4, { 8, 1 } },
        { "weight_scale", "F32", 2, 4, { 8, 2 } },
        { "weight_zero_point", "I32", 2, 4, { 1, 2 } },
        { "weight_shape", "I64", 1, 8, { 2 } } } },
    { "{\"quant_method\":\"modelopt\",\"quant_algo\":\"NVFP4\",\"group_size\":16}",
      { { "weight", "U8", 2, 1, { 1, 8 } },
        { "weight_scale", "F8_E4M3", 2, 1, { 1, 1 } },
        { "weight_scale_2", "F32", 0, 4, { 0 } } } },
    { "{\"quant_method\":\"modelopt\",\"quant_algo\":\"FP8\"}",
      { { "weight", "F8_E4M3", 2, 1, { 2, 4 } }, { "weight_scale", "F32", 0, 4, { 0 } } } },
    { "{\"quant_method\":\"compressed-tensors\",\"config_groups\":{\"g\":{\"targets\":[\"re:.*\\d|model.a\"]"
      ",\"weights\":{\"num_bits\":8,\"type\":\"float\",\"strategy\":\"tensor\"}"
      ",\"input_activations\":{\"num_bits\":8,\"type\":\"float\",\"strategy\":\"tensor\",\"dynamic\":false}}}}",
      { { "weight", "F8_E4M3", 2, 1, { 2, 4 } },
        { "weight_scale", "F32", 1, 4, { 1 } },
        { "input_scale", "F32", 1, 4, { 1 } } } },
    { "{\"quant_method\":\"compressed-tensors\",\"config_groups\":{\"g\":{\"targets\":[\"model.a\"]"
      ",\"weights\":{\"num_bits\":8,\"type\":\"int\",\"strategy\":\"channel\"}"
      ",\"input_activations\":{\"num_bits\":8,\"type\":\"int\",\"strategy\":\"token\",\"dynamic\":true,"
      "\"symmetric\":false}}}}",
      { { "weight", "I8", 2, 1, { 2, 4 } }, { "weight_scale", "F32", 2, 4, { 2, 1 } } } },
    { "{\"quant_method\":\"compressed-tensors\",\"config_groups\":{\"g\":{\"targets\":[\"Linear\"]"
      ",\"weights\":{\"num_bits\":8,\"type\":\"int\",\"strategy\":\"channel\",\"symmetric\":false}"
      ",\"input_activations\":{\"num_bits\":8,\"type\":\"int\",\"strategy\":\"tensor\",\"dynamic\":true}}}}",
      { { "weight", "I8", 2, 1, { 2, 4 } },
        { "weight_scale", "F32", 2, 4, { 2, 1 } },
        { "weight_zero_point", "I8", 2, 1, { 2, 1 } } } },
    { "{\"quant_method\":\"compressed-tensors\",\"config_groups\":{\"g\":{\"targets\":[\"Linear\"]"
      ",\"weights\":{\"num_bits\":8,\"type\":\"float\",\"strategy\":\"block\",\"block_structure\":[2,2]}}}}",
      { { "weight", "F8_E4M3", 2, 1, { 4, 4 } }, { "weight_scale", "F32", 2, 4, { 2, 2 } } } },
    { "{\"quant_method\":\"compressed-tensors\",\"config_groups\":{\"g\":{\"targets\":[\"Linear\"]"
      ",\"weights\":{\"num_bits\":4,\"type\":\"float\",\"strategy\":\"group\",\"group_size\":32}}}}",
      { { "weight_packed", "U8", 2, 1, { 1, 16 } }, { "weight_scale", "U8", 2, 1, { 1, 1 } } } },
    { "{\"quant_method\":\"compressed-tensors\",\"config_groups\":{\"g\":{\"targets\":[\"Linear\"]"
      ",\"weights\":{\"num_bits\":4,\"type\":\"int\",\"strategy\":\"group\",\"group_size\":4}}}}",
      { { "weight_packed", "I32", 2, 4, { 8, 1 } },
        { "weight_scale", "F32", 2, 4, { 8, 2 } },
        { "weight_shape", "I64", 1, 8, { 2 } },
        { "weight_g_idx", "I32", 1, 4, { 8 } } } },
    { "{\"quant_method\":\"compressed-tensors\",\"config_groups\":{\"g\":{\"targets\":[\"re:(\"]"
      ",\"weights\":{\"num_bits\":8,\"type\":\"float\",\"strategy\":\"block\",\"block_structure\":[0,2]}}}}",
      { { "weight", "F8_E4M3", 2, 1, { 4, 4 } }, { "weight_scale", "F32", 2, 4, { 2, 2 } } } },
    { "{\"quant_method\":\"compressed-tensors\",\"config_groups\":{\"g\":{\"targets\":[\"re:(\"]"
      ",\"weights\":{\"num_bits\":8,\"type\":\"float\"}}}}",
      { { "weight", "F8_E4M3", 2, 1, { 4, 4 } }, { "weight_scale", "F32", 1, 4, { 1 } } } },
    { "{\"quant_method\":\"modelopt\",\"quant_algo\":\"NVFP4\",\"activations\":\"int9\",\"kv_cache\":\"int9\"}",
      { { "weight", "U8", 2, 1, { 1, 8 } },
        { "weight_scale", "F8_E4M3", 2, 1, { 1, 1 } },
        { "weight_scale_2", "F32", 0, 4, { 0 } } } },
    { "{\"quant_method\":\"modelopt\",\"quant_algo\":\"FP8\",\"activations\":\"int8-token:bf16\","
      "\"kv_cache\":\"q8_0\"}",
      { { "weight", "F8_E4M3", 2, 1, { 2, 4 } }, { "weight_scale", "F32", 0, 4, { 0 } } } },
    { "{\"quant_method\":\"modelopt\",\"quant_algo\":\"FP8\",\"activations\":\"ggml\",\"kv_cache\":\"fp8\"}",
      { { "weight", "F8_E4M3", 1, 1, { 8 } }, { "weight_scale", "F32", 1, 4, { 1 } } } },
    { "{\"quant_method\":\"modelopt\",\"declared\":true}",
      { { "weight", "BF16", 2, 2, { 2, 4 } },
        { "_pet_int8", "I8", 3, 1, { 2, 3, 4 } },
        { "_pet_scale", "F32", 3, 4, { 2, 3, 1 } } } },
    { "{\"quant_method\":\"modelopt\",\"declared\":true}",
      { { "_pet_int8", "I8", 2, 1, { 2, 4 } }, { "_pet_scale", "F32", 2, 4, { 2, 1 } } } },
    { "{\"quant_method\":\"modelopt\",\"declared\":true,\"kv_cache_scheme\":{\"num_bits\":8,\"type\":\"float\","
      "\"strategy\":\"tensor\",\"dynamic\":false,\"symmetric\":true}}",
      { { "weight", "BF16", 2, 2, { 2, 4 } } } },
    { "{\"quant_method\":\"modelopt\",\"declared\":true,\"kv_cache_quant_algo\":\"FP8\"}",
      { { "weight", "BF16", 2, 2, { 2, 4 } } } },
    { "{\"bits\":4,\"group_size\":32}",
      { { "weight", "U32", 2, 4, { 2, 8 } },
        { "scales", "F16", 2, 2, { 2, 2 } },
        { "biases", "F16", 2, 2, { 2, 2 } } } },
    { "{\"bits\":8,\"group_size\":64}",
      { { "weight", "U32", 2, 4, { 1, 16 } },
        { "scales", "F32", 2, 4, { 1, 1 } },
        { "biases", "F32", 2, 4, { 1, 1 } } } },
    { "{\"bits\":8,\"group_size\":32,\"mode\":\"mxfp8\"}",
      { { "weight", "U32", 2, 4, { 1, 8 } }, { "scales", "U8", 2, 1, { 1, 1 } } } },
    { "{\"bits\":4,\"group_size\":16,\"mode\":\"nvfp4\"}",
      { { "weight", "U32", 2, 4, { 1, 2 } }, { "scales", "U8", 2, 1, { 1, 1 } } } },
    { "{\"quant_method\":\"torchao\",\"quant_type\":{\"default\":{\"_type\":\"IntxWeightOnlyConfig\"}}}",
      { { "_weight_qdata", "I8", 2, 1, { 2, 4 } },
        { "_weight_scale", "F32", 2, 4, { 2, 2 } },
        { "_weight_zero_point", "I8", 2, 1, { 2, 2 } } } },
    { "{\"quant_method\":\"torchao\",\"quant_type\":{\"default\":{\"_type\":\"Float8WeightOnlyConfig\"}}}",
      { { "_weight_qdata", "F8_E4M3", 2, 1, { 2, 4 } }, { "_weight_scale", "F32", 2, 4, { 2, 1 } } } },
    { "{\"quant_method\":\"torchao\",\"declared\":true}",
      { { "_weight_qdata", "I8", 2, 1, { 2, 4 } }, { "_weight_scale", "F32", 2, 4, { 1, 1 } } } },
    { "{\"quant_method\":\"modelopt\",\"quant_algo\":\"FP8\"}",
      { { "weight", "F8_E4M3", 2, 1, { 2, 4 } },
        { "weight_scale", "F32", 0, 4, { 0 } },
        { "input_scale", "F32", 0, 4, { 0 } } } },
    { "{\"bits\":6,\"group_size\":64}",
      { { "weight", "U32", 2, 4, { 1, 12 } },
        { "scales", "BF16", 2, 2, { 1, 1 } },
        { "biases", "BF16", 2, 2, { 1, 1 } } } },
};

#define STATE "{\"shape\": [2, 3], \"blocksize\": 4}"
#define NESTED "{\"shape\": [2, 3], \"blocksize\": 4, \"nested_blocksize\": 1, \"nested_offset\": 0.5}"
static const char nf4[] = "{\"quant_method\":\"bitsandbytes\",\"load_in_4bit\":true}";
static const Part nf4_parts[] = { { "weight", "U8", 2, 1, { 3, 1 } },
                                  { "weight.quant_map", "F32", 1, 4, { 16 } },
                                  { "weight.absmax", "F32", 1, 4, { 2 } } },
                  nested_parts[] = { { "weight", "U8", 2, 1, { 3, 1 } },
                                     { "weight.quant_map", "F32", 1, 4, { 16 } },
                                     { "weight.absmax", "U8", 1, 1, { 2 } },
                                     { "weight.nested_quant_map", "F32", 1, 4, { 256 } },
                                     { "weight.nested_absmax", "F32", 1, 4, { 2 } } };

/* Appends an entry of the header, and returns where its data end */
static size_t append_entry(const char **header, const Part *part, size_t at)
{
    size_t end = at + (size_t)part->size;
    for (int i = 0; i < part->rank; i++) end = at + (end - at) * (size_t)part->shape[i];
    const char *shape = part->rank == 3   ? arena_format(&scratch, "%d,%d,%d", (int)part->shape[0], (int)part->shape[1],
                                                         (int)part->shape[2])
                        : part->rank == 2 ? arena_format(&scratch, "%d,%d", (int)part->shape[0], (int)part->shape[1])
                        : part->rank == 1 ? arena_format(&scratch, "%d", (int)part->shape[0])
                                          : "";
    *header = arena_format(&scratch, "%s%s\"model.a.%s\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}",
                           *header, at ? "," : "", part->name, part->dtype, shape, at, end);
    return end;
}

/* Bytes of 1 are no shape and no group: weights are 8 x 8, and all columns are of the first group. */
static void set_data(char *data, const Part *parts, int i)
{
    static const int64_t shape[2] = { 8, 8 };
    const char *header = "";
    size_t at = 0, end = 0;
    for (int k = 0; k <= i; k++) at = end, end = append_entry(&header, &parts[k], end);
    if (strcmp(parts[i].name, "weight_shape") == 0) memcpy(data + at, shape, sizeof shape);
    if (strstr(parts[i].name, "g_idx")) memset(data + at, 0, end - at);
}

/* state: the last part, whose bytes are JSON; NULL: none */
static void put_layout(const char *name, const char *config, const Part *parts, int count, const char *state)
{
    const char *header = "{";
    size_t size = 0, length = state ? strlen(state) : 0;
    for (int i = 0; i < count && parts[i].name; i++) size = append_entry(&header, &parts[i], size);
    size_t before = size;
    if (state)
        append_entry(&header, &(Part){ "weight.quant_state.bitsandbytes__nf4", "U8", 1, 1, { (int64_t)length } },
                     before);
    const char *path = seed_path("quantised", name);
    put_parts(path, (const char *const[]){ config, arena_format(&scratch, "%s}", header), NULL }, before);
    size_t all;
    const char *bytes = read_text(path, &all);
    char *whole = arena_allocate(&scratch, all + length);
    memcpy(whole, bytes, all);
    for (int i = 0; i < count && parts[i].name; i++) set_data(whole + all - before, parts, i);
    if (state) memcpy(whole + all, state, length);
    write_bytes(path, whole, all + length);
}

void put_quantised(void)
{
    for (int i = 0; i < COUNT(layouts); i++)
        put_layout(arena_format(&scratch, "%d", i), layouts[i].config, layouts[i].parts, MOST_PARTS, NULL);
    put_layout("nf4", nf4, nf4_parts, COUNT(nf4_parts), STATE);
    put_layout("nested", nf4, nested_parts, COUNT(nested_parts), NESTED);
}
