/* compressed_tensors.c - modules as the library compressed-tensors writes them
 *
 *     pack-quantized     weight_packed I32 [rows, words]   bits of 32 / num_bits codes a word, code + 2^(num_bits - 1)
 *                        weight_shape I64 [2]              rows and columns
 *     int-, float-, naive-quantized   weight I8 or F8_E4M3 [rows, columns]
 *     nvfp4-, mxfp4-pack-quantized    weight_packed U8 [rows, columns / 2], the first code in the low half
 *                        weight_scale F8_E4M3 beside weight_global_scale F32 [1], which divides; or U8, 2^(code - 127)
 *     others             weight_scale                      [1], [rows, 1], [rows, groups], [row, column blocks]
 *                        weight_zero_point                 unless symmetric: I32 [words, groups] packed along the rows
 *                                                          beside packed codes, I8 as the scales beside others
 *                        weight_g_idx I32 [columns]        of groups in another order (actorder)
 */
#include <float.h>
#include <string.h>

#include "checkpoint/code_grid.h"
#include "checkpoint/compressed_scheme.h"
#include "checkpoint/module_parts.h"
#include "checkpoint/quantization_config.h"

typedef struct {
    Parts parts;
    const CompressedScheme *scheme;
    CodeGrid *grid;
    bool packed;
} Module;

static Arena *arena_of(const Module *m) { return &m->parts.checkpoint->arena; }
static int64_t up(int64_t a, int64_t b) { return (a + b - 1) / b; }

static double packed_zero(const CodeGrid *grid, int64_t row, int64_t group)
{
    int64_t bit = row * grid->bits, groups = grid->zeros->shape[1];
    uint64_t word = (uint64_t)array_integer(grid->zeros, bit / 32 * groups + group);
    return (double)(int64_t)(word >> (bit % 32) & (((uint64_t)1 << grid->bits) - 1)) -
           (double)((int64_t)1 << (grid->bits - 1));
}

static double plain_zero(const CodeGrid *grid, int64_t row, int64_t group)
{
    int64_t groups = grid->scales.rank > 1 ? grid->scales.shape[1] : 1;
    return (double)array_integer(grid->zeros, row / grid->row_group * groups + group);
}

/* weight_packed and weight_shape */
static void load_packed(Module *m)
{
    CodeGrid *grid = m->grid;
    const Array *codes = part_needed(&m->parts, "weight_packed"), *shape = part_needed(&m->parts, "weight_shape");
    part_check(&m->parts, shape, DTYPE_I64, 1, (int64_t[]){ 2 });
    if (error_is_set(m->parts.error)) return;
    grid->rows = array_integer(shape, 0);
    grid->columns = array_integer(shape, 1);
    const int64_t most = (int64_t)1 << 40;
    if (grid->rows < 1 || grid->columns < 1 || grid->rows > most || grid->columns > most)
        error_set(m->parts.error, "%s: %s: found %lld and %lld, expected the weight's rows and columns", shape->file,
                  shape->name, (long long)grid->rows, (long long)grid->columns);
    else
        part_check(&m->parts, codes, DTYPE_I32, 2, (int64_t[]){ grid->rows, up(grid->columns * grid->bits, 32) });
    grid->codes = *codes;
    grid->values = integer_values(grid->bits, -((int64_t)1 << (grid->bits - 1)), arena_of(m));
}

static void load_fp4(Module *m)
{
    CodeGrid *grid = m->grid;
    const Array *codes = part_needed(&m->parts, "weight_packed");
    if (!codes) return;
    part_check(&m->parts, codes, DTYPE_U8, 2, codes->shape);
    grid->rows = codes->shape[0];
    grid->columns = 2 * codes->shape[1];
    grid->codes = *codes;
    grid->values = e2m1_values(arena_of(m));
    if (error_is_set(m->parts.error) || array_elements(codes) > 0) return;
    error_set(m->parts.error, "%s: %s: found no codes, expected some", codes->file, codes->name);
}

/* of fp4; checks the dtype of the scales */
static void load_fp4_scales(Module *m, const Array *scales)
{
    const Array *global = part_found(&m->parts, "weight_global_scale");
    bool is_exponent = scales->dtype == DTYPE_U8 && !global;
    part_check(&m->parts, scales, is_exponent ? DTYPE_U8 : DTYPE_F8_E4M3, 2, scales->shape);
    if (is_exponent) m->grid->scale = e8m0_scale;
    if (is_exponent || error_is_set(m->parts.error)) return;
    if (!global) global = part_needed(&m->parts, "weight_global_scale");
    part_check(&m->parts, global, DTYPE_F32, 1, (int64_t[]){ 1 });
    if (!error_is_set(m->parts.error)) array_read_f64(global, 0, 1, &m->grid->divisor);
    if (!error_is_set(m->parts.error) && !(m->grid->divisor > 0 && m->grid->divisor <= (double)FLT_MAX))
        error_set(m->parts.error, "%s: %s: found %g, expected a number above 0", global->file, global->name,
                  m->grid->divisor);
}

/* weight, whose shape is the weight's */
static void load_plain(Module *m)
{
    CodeGrid *grid = m->grid;
    const Array *codes = part_needed(&m->parts, "weight");
    if (!codes) return;
    if (codes->rank != 2 || array_elements(codes) == 0) {
        error_set(m->parts.error, "%s: %s: found shape %s, expected rows and columns", codes->file, codes->name,
                  SHAPE_TEXT(codes->rank, codes->shape));
        return;
    }
    grid->rows = codes->shape[0];
    grid->columns = codes->shape[1];
    part_check(&m->parts, codes, m->scheme->is_float ? DTYPE_F8_E4M3 : DTYPE_I8, 2, codes->shape);
    grid->codes = *codes;
    grid->bits = 8;
    grid->values = m->scheme->is_float ? float8_values(DTYPE_F8_E4M3, arena_of(m)) : complement_values(8, arena_of(m));
}

static void load_scales(Module *m)
{
    CodeGrid *grid = m->grid;
    const CompressedScheme *scheme = m->scheme;
    grid->row_group = scheme->strategy == STRATEGY_TENSOR  ? grid->rows
                      : scheme->strategy == STRATEGY_BLOCK ? scheme->block_structure[0]
                                                           : 1;
    grid->column_group = scheme->strategy == STRATEGY_GROUP   ? scheme->group_size
                         : scheme->strategy == STRATEGY_BLOCK ? scheme->block_structure[1]
                                                              : grid->columns;
    const Array *scales = part_needed(&m->parts, "weight_scale");
    if (!scales) return;
    int64_t shape[] = { up(grid->rows, grid->row_group), up(grid->columns, grid->column_group) };
    bool of_tensor = scheme->strategy == STRATEGY_TENSOR && scales->rank < 2;
    bool is_fp4 = scheme->is_float && scheme->num_bits == 4;
    if (is_fp4) load_fp4_scales(m, scales);
    part_check(&m->parts, scales, is_fp4 ? scales->dtype : DTYPE_COUNT, of_tensor ? scales->rank : 2,
               of_tensor ? (int64_t[]){ 1 } : shape);
    if (scheme->strategy == STRATEGY_GROUP) part_check_groups(&m->parts, scales, grid->columns, grid->column_group);
    grid->scales = *scales;
}

static void load_zeros(Module *m)
{
    CodeGrid *grid = m->grid;
    if (m->scheme->symmetric) {
        part_found(&m->parts, "weight_zero_point"); /* old files have zeros that are all 0 */
        return;
    }
    grid->zeros = part_needed(&m->parts, "weight_zero_point");
    bool packed = m->packed && (m->scheme->strategy == STRATEGY_GROUP || m->scheme->strategy == STRATEGY_CHANNEL);
    grid->zero = packed ? packed_zero : plain_zero;
    int64_t groups = up(grid->columns, grid->column_group);
    if (packed)
        part_check(&m->parts, grid->zeros, DTYPE_I32, 2, (int64_t[]){ up(grid->rows * grid->bits, 32), groups });
    else
        part_check(&m->parts, grid->zeros, DTYPE_I8, grid->scales.rank, grid->scales.shape);
}

static void load_column_index(Module *m)
{
    CodeGrid *grid = m->grid;
    const Array *index = grid->column_index = part_found(&m->parts, "weight_g_idx");
    part_check(&m->parts, index, DTYPE_I32, 1, &grid->columns);
    int64_t groups = up(grid->columns, grid->column_group);
    for (int64_t i = 0; index && !error_is_set(m->parts.error) && i < grid->columns; i++) {
        int64_t group = array_integer(index, i);
        if (group < 0 || group >= groups)
            error_set(m->parts.error, "%s: %s: found group %lld, expected one of %lld", index->file, index->name,
                      (long long)group, (long long)groups);
    }
}

static void read_input_scale(Module *m, const Array *scale, Array *weight)
{
    part_check(&m->parts, scale, DTYPE_COUNT, scale && scale->rank == 0 ? 0 : 1, (int64_t[]){ 1 });
    if (!scale || error_is_set(m->parts.error)) return;
    array_read_f32(scale, 0, 1, &weight->input_scale);
    if (!(weight->input_scale > 0) || weight->input_scale > FLT_MAX)
        error_set(m->parts.error, "%s: %s: found %g, expected a number above 0", scale->file, scale->name,
                  (double)weight->input_scale);
}

static void load_input_scale(Module *m, Array *weight)
{
    InputCodes inputs = declared_inputs.given ? declared_inputs.inputs : weight->inputs;
    const Array *scale = part_found(&m->parts, "input_scale"), *global = part_found(&m->parts, "input_global_scale");
    bool is_static = inputs == INPUTS_INT8_STATIC || inputs == INPUTS_FP8_STATIC;
    part_found(&m->parts, "input_zero_point"); /* old files have zeros that are all 0 */
    if (is_static) read_input_scale(m, scale ? scale : part_needed(&m->parts, "input_scale"), weight);
    if (inputs != INPUTS_FP4_GROUP) return;
    if (!global && !declared_inputs.given) part_needed(&m->parts, "input_global_scale");
    read_input_scale(m, global, weight);
}

static void load_module(Checkpoint *checkpoint, const char *module, const CompressedScheme *scheme, bool packed,
                        Error *error)
{
    Module m = { .parts = { checkpoint, error, module }, .scheme = scheme, .packed = packed };
    m.grid = arena_allocate(arena_of(&m), sizeof *m.grid);
    *m.grid = (CodeGrid){ .bits = scheme->num_bits, .encoding.scheme = compressed_scheme_text(scheme, arena_of(&m)) };
    void (*const load_codes)(Module *) = !packed ? load_plain : scheme->is_float ? load_fp4 : load_packed;
    void (*const steps[])(Module *) = { load_codes, load_scales, load_zeros, load_column_index };
    for (size_t i = 0; i < sizeof steps / sizeof *steps && !error_is_set(error); i++) steps[i](&m);
    if (error_is_set(error)) return;
    code_grid_init(m.grid);
    Array *weight = part_becomes_weight(&m.parts, &m.grid->encoding, 2, (int64_t[]){ m.grid->rows, m.grid->columns });
    weight->inputs = scheme->inputs;
    load_input_scale(&m, weight);
}

/* The module whose codes these are, in the checkpoint's arena; NULL of other tensors */
static const char *module_of(Checkpoint *checkpoint, const Array *array, bool *packed)
{
    static const char *const endings[] = { ".weight", ".weight_packed" };
    size_t length = strlen(array->name);
    for (int i = 0; i < 2; i++) {
        size_t tail = strlen(endings[i]);
        *packed = i == 1;
        if (length < tail || strcmp(array->name + length - tail, endings[i]) != 0) continue;
        if (!*packed && array->dtype != DTYPE_I8 && array->dtype != DTYPE_F8_E4M3) continue;
        return arena_format(&checkpoint->arena, "%.*s", (int)(length - tail), array->name);
    }
    return NULL;
}

void read_compressed_tensors(Checkpoint *checkpoint, ConfigReader at)
{
    CompressedScheme *schemes;
    int count = compressed_schemes_load(&schemes, at, &checkpoint->arena);
    for (int i = 0; i < checkpoint->tensor_count && !error_is_set(at.error); i++) {
        const Array *array = checkpoint->tensors[i].array;
        bool packed;
        const char *module = module_of(checkpoint, array, &packed);
        if (!module) continue;
        const CompressedScheme *scheme = compressed_scheme_of(schemes, count, module, at);
        if (compressed_ignores(module, at))
            error_set(at.error, "%s: %s: found codes, expected weights, because ignore names %s", array->file,
                      array->name, module);
        else if (!scheme)
            error_set(at.error, "%s: %s: found codes, expected weights, because no group's targets match %s",
                      array->file, array->name, module);
        else
            load_module(checkpoint, module, scheme, packed, at.error);
    }
}
