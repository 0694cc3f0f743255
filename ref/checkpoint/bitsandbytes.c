/* bitsandbytes.c - 4-bit modules as transformers saves them
 *
 *     weight                 U8 [(n + 1) / 2, 1]  two codes a byte, the first in its high half, of the flattened weight
 *     weight.quant_map       F32 [16]             what a code means
 *     weight.absmax          F32 [blocks]         the scale of each block of codes; U8 where it is quantised again
 *     weight.nested_*                             of that: its map F32 [256] and its scales
 *     weight.quant_state.bitsandbytes__nf4  U8    JSON: shape, blocksize, nested_blocksize, nested_offset
 */
#include <math.h>
#include <string.h>

#include "checkpoint/code_grid.h"
#include "checkpoint/json_load.h"
#include "checkpoint/module_parts.h"
#include "checkpoint/quantization_config.h"

typedef struct {
    CodeGrid grid; /* one row, because blocks go on over the ends of the weight's rows */
    const Array *nested_map, *nested_scales;
    int64_t nested_block;
    float nested_offset;
} FlatGrid;

static void read_high_first(const CodeGrid *grid, int64_t row, int64_t first, int64_t count, unsigned char *out)
{
    (void)row;
    for (int64_t i = 0; i < count; i++) {
        unsigned char byte = grid->codes.data[(first + i) / 2];
        out[i] = (first + i) % 2 ? byte & 15 : byte >> 4;
    }
}

/* In float32, step by step, as the library keeps scales */
static double nested_scale(const CodeGrid *grid, int64_t row, int64_t group)
{
    (void)row;
    const FlatGrid *flat = (const FlatGrid *)grid;
    float value, scale;
    array_read_f32(flat->nested_map, array_integer(&grid->scales, group), 1, &value);
    array_read_f32(flat->nested_scales, group / flat->nested_block, 1, &scale);
    float product = value * scale;
    return (double)(product + flat->nested_offset);
}

static int64_t count_in(ConfigReader at, const char *key) { return config_count(at, key); }

static void load_nested(FlatGrid *flat, Parts *parts, ConfigReader state, int64_t blocks)
{
    flat->nested_map = part_needed(parts, "weight.nested_quant_map");
    flat->nested_scales = part_needed(parts, "weight.nested_absmax");
    flat->nested_block = count_in(state, "nested_blocksize");
    flat->nested_offset = (float)config_number(state, "nested_offset");
    part_check(parts, &flat->grid.scales, DTYPE_U8, 1, &blocks);
    part_check(parts, flat->nested_map, DTYPE_F32, 1, (int64_t[]){ CODE_VALUES });
    int64_t scales = (blocks + flat->nested_block - 1) / flat->nested_block;
    part_check(parts, flat->nested_scales, DTYPE_F32, 1, &scales);
    if (!error_is_set(parts->error) && !(array_is_finite(flat->nested_map) && array_is_finite(flat->nested_scales)))
        error_set(parts->error, "%s: %s: found NaN or infinity, expected finite scales", flat->nested_scales->file,
                  flat->nested_scales->name);
    flat->grid.scale = nested_scale;
}

/* -> how many elements; sets rows and columns */
static int64_t read_shape(ConfigReader state, int64_t *shape)
{
    const json_t *list = json_object_get(state.object, "shape");
    int64_t most = (int64_t)1 << 30;
    for (size_t i = 0; i < 2; i++) {
        shape[i] = json_integer_value(json_array_get(list, i));
        if (json_array_size(list) != 2 || shape[i] < 1 || shape[i] > most) {
            config_refuse(state, "shape", "another value", "two whole numbers above 0");
            return 0;
        }
    }
    return shape[0] * shape[1];
}

static void load_codes(FlatGrid *flat, Parts *parts, ConfigReader state, const char *type)
{
    int64_t shape[2], count = read_shape(state, shape), block = count_in(state, "blocksize");
    const Array *codes = part_needed(parts, "weight"), *map = part_needed(parts, "weight.quant_map");
    const Array *scales = part_needed(parts, "weight.absmax");
    part_check(parts, codes, DTYPE_U8, 2, (int64_t[]){ (count + 1) / 2, 1 });
    part_check(parts, map, DTYPE_F32, 1, (int64_t[]){ 16 });
    if (error_is_set(parts->error)) return;
    int64_t blocks = (count + block - 1) / block;
    double *values = arena_allocate(&parts->checkpoint->arena, CODE_VALUES * sizeof *values);
    memset(values, 0, CODE_VALUES * sizeof *values);
    array_read_f64(map, 0, 16, values);
    flat->grid = (CodeGrid){ .rows = 1, .columns = count, .bits = 4, .values = values, .codes = *codes };
    flat->grid.encoding.scheme = arena_format(&parts->checkpoint->arena, "%s, blocks of %lld%s", type, (long long)block,
                                              config_has(state, "nested_offset") ? ", scales quantised" : "");
    flat->grid.scales = *scales;
    flat->grid.row_group = 1;
    flat->grid.column_group = block;
    flat->grid.read_codes = read_high_first;
    if (config_has(state, "nested_offset"))
        load_nested(flat, parts, state, blocks);
    else
        part_check(parts, scales, DTYPE_F32, 1, &blocks);
    if (!array_is_finite(map)) error_set(parts->error, "%s: %s: found NaN or infinity", map->file, map->name);
    if (error_is_set(parts->error)) return;
    code_grid_init(&flat->grid);
    part_becomes_weight(parts, &flat->grid.encoding, 2, shape);
}

static void load_module(Parts *parts, const char *type)
{
    const char *part = arena_format(&parts->checkpoint->arena, "weight.quant_state.bitsandbytes__%s", type);
    const Array *state = part_needed(parts, part);
    if (!state) return;
    FlatGrid *flat = arena_allocate(&parts->checkpoint->arena, sizeof *flat);
    *flat = (FlatGrid){ .nested_block = 1 };
    const char *what = arena_format(&parts->checkpoint->arena, "%s: %s", state->file, state->name);
    json_t *json = json_parse_object((const char *)state->data, (size_t)array_elements(state), what, "a quant_state",
                                     parts->error);
    if (json) load_codes(flat, parts, (ConfigReader){ what, "", json, parts->error }, type);
    json_decref(json);
}

void read_bitsandbytes(Checkpoint *checkpoint, ConfigReader at)
{
    static const char *const types[] = { "nf4", "fp4" };
    if (config_bool_or(at, "load_in_8bit", false))
        config_refuse(at, "load_in_8bit", "true", "load_in_4bit, with codes of 4 bits");
    for (int i = 0; i < checkpoint->tensor_count && !error_is_set(at.error); i++)
        for (int j = 0; j < 2; j++) {
            const Array *array = checkpoint->tensors[i].array;
            const char *ending = arena_format(&checkpoint->arena, ".weight.quant_state.bitsandbytes__%s", types[j]);
            size_t length = strlen(array->name), tail = strlen(ending);
            if (length < tail || strcmp(array->name + length - tail, ending) != 0 || array->dtype != DTYPE_U8) continue;
            const char *module = arena_format(&checkpoint->arena, "%.*s", (int)(length - tail), array->name);
            load_module(&(Parts){ checkpoint, at.error, module }, types[j]);
        }
}
