/* gptq.c - modules as AutoGPTQ, GPTQModel and AutoAWQ write them: [in, out], so that a row of the weight is a column
 *
 *     gptq   qweight I32 [in / codes, out]      codes of a word are inputs, the lowest bits first
 *            qzeros  I32 [groups, out / codes]  codes of a word are outputs; less one, but in gptq_v2
 *            g_idx   I32 [in]                   the group of each input
 *     awq    qweight I32 [in, out / 8]          codes of a word are outputs, in the order 0 2 4 6 1 3 5 7
 *            qzeros  I32 [groups, out / 8]      in the same order
 *     both   scales  float [groups, out]        element = (code - zero) * scale
 */
#include <string.h>

#include "checkpoint/code_grid.h"
#include "checkpoint/module_parts.h"
#include "checkpoint/quantization_config.h"

typedef struct {
    CodeGrid grid;
    int offset; /* of a stored zero */
    bool is_awq;
} TransposedGrid;

static uint32_t code_in(const CodeGrid *grid, const Array *words, int64_t word, int64_t place)
{
    uint32_t bits = (uint32_t)array_integer(words, word);
    return bits >> (place * grid->bits) & (((uint32_t)1 << grid->bits) - 1);
}

/* Where AutoAWQ puts output i of eight: its kernels unpack pairs of halves. */
static int64_t awq_place(int64_t i) { return i % 2 * 4 + i / 2; }

static int64_t place_of(const TransposedGrid *t, int64_t output)
{
    int64_t codes = 32 / t->grid.bits;
    return t->is_awq ? awq_place(output % codes) : output % codes;
}

static void read_transposed(const CodeGrid *grid, int64_t row, int64_t first, int64_t count, unsigned char *out)
{
    const TransposedGrid *t = (const TransposedGrid *)grid;
    int64_t codes = 32 / grid->bits, width = grid->codes.shape[1];
    for (int64_t i = 0; i < count; i++) {
        int64_t input = first + i;
        int64_t word = t->is_awq ? input * width + row / codes : input / codes * width + row;
        out[i] = (unsigned char)code_in(grid, &grid->codes, word, t->is_awq ? place_of(t, row) : input % codes);
    }
}

static double transposed_scale(const CodeGrid *grid, int64_t row, int64_t group)
{
    double scale;
    array_read_f64(&grid->scales, group * grid->rows + row, 1, &scale);
    return scale;
}

static double transposed_zero(const CodeGrid *grid, int64_t row, int64_t group)
{
    const TransposedGrid *t = (const TransposedGrid *)grid;
    int64_t codes = 32 / grid->bits;
    return (double)code_in(grid, grid->zeros, group * grid->zeros->shape[1] + row / codes, place_of(t, row)) +
           t->offset;
}

static void check_groups(Parts *parts, const Array *index, int64_t columns, int64_t groups)
{
    part_check(parts, index, DTYPE_I32, 1, &columns);
    for (int64_t i = 0; index && !error_is_set(parts->error) && i < columns; i++) {
        int64_t group = array_integer(index, i);
        if (group < 0 || group >= groups)
            error_set(parts->error, "%s: %s: found group %lld, expected one of %lld", index->file, index->name,
                      (long long)group, (long long)groups);
    }
}

/* group_size -1: the whole column. GPTQ's last group may be shorter, which g_idx says; AWQ has none such. */
static void load_module(Parts *parts, const TransposedGrid *scheme, int64_t group_size)
{
    TransposedGrid *t = arena_allocate(&parts->checkpoint->arena, sizeof *t);
    *t = *scheme;
    CodeGrid *grid = &t->grid;
    int64_t codes = 32 / grid->bits;
    const Array *words = part_needed(parts, "qweight"), *scales = part_needed(parts, "scales");
    grid->zeros = part_needed(parts, "qzeros");
    if (error_is_set(parts->error)) return;
    part_check(parts, words, DTYPE_I32, 2, words->shape);
    grid->rows = words->rank == 2 ? words->shape[1] * (t->is_awq ? codes : 1) : 0;
    grid->columns = words->rank == 2 ? words->shape[0] * (t->is_awq ? 1 : codes) : 0;
    grid->row_group = 1;
    grid->column_group = group_size > 0 ? group_size : grid->columns;
    int64_t groups = grid->column_group > 0 ? (grid->columns + grid->column_group - 1) / grid->column_group : 0;
    part_check(parts, scales, DTYPE_COUNT, 2, (int64_t[]){ groups, grid->rows });
    part_check(parts, grid->zeros, DTYPE_I32, 2, (int64_t[]){ groups, (grid->rows + codes - 1) / codes });
    if (t->is_awq) part_check_groups(parts, scales, grid->columns, grid->column_group);
    if (!t->is_awq) grid->column_index = part_found(parts, "g_idx");
    check_groups(parts, grid->column_index, grid->columns, groups);
    if (error_is_set(parts->error)) return;
    grid->codes = *words;
    grid->scales = *scales;
    grid->values = integer_values(grid->bits, 0, &parts->checkpoint->arena);
    grid->read_codes = read_transposed;
    grid->scale = transposed_scale;
    grid->zero = transposed_zero;
    code_grid_init(grid);
    if (t->is_awq) grid->encoding.pair = 0;
    part_becomes_weight(parts, &grid->encoding, 2, (int64_t[]){ grid->rows, grid->columns });
}

static void load_modules(Checkpoint *checkpoint, ConfigReader at, TransposedGrid *scheme)
{
    const char *ending = ".qweight";
    int group_size = json_integer_value(json_object_get(at.object, "group_size")) == -1
                         ? -1
                         : config_count(at, "group_size");
    scheme->grid.bits = config_count(at, scheme->is_awq && config_has(at, "w_bit") ? "w_bit" : "bits");
    bool known = scheme->grid.bits == 4 || (!scheme->is_awq && (scheme->grid.bits == 2 || scheme->grid.bits == 8));
    if (!known && !error_is_set(at.error))
        config_refuse(at, "bits", "another width", scheme->is_awq ? "4" : "2, 4 or 8");
    scheme->grid.encoding.scheme = arena_format(&checkpoint->arena, "%s int%d, groups of %d",
                                                scheme->is_awq ? "awq" : "gptq", scheme->grid.bits, group_size);
    for (int i = 0; i < checkpoint->tensor_count && !error_is_set(at.error); i++) {
        const char *name = checkpoint->tensors[i].array->name;
        size_t length = strlen(name), tail = strlen(ending);
        if (length < tail || strcmp(name + length - tail, ending) != 0) continue;
        const char *module = arena_format(&checkpoint->arena, "%.*s", (int)(length - tail), name);
        load_module(&(Parts){ checkpoint, at.error, module }, scheme, group_size);
    }
}

void read_gptq(Checkpoint *checkpoint, ConfigReader at)
{
    bool is_v2 = strcmp(config_string_or(at, "checkpoint_format", "gptq"), "gptq_v2") == 0;
    load_modules(checkpoint, at, &(TransposedGrid){ .offset = is_v2 ? 0 : 1 });
}

void read_awq(Checkpoint *checkpoint, ConfigReader at)
{
    const char *version = config_string_or(at, "version", "gemm");
    if (strcasecmp(version, "gemm") != 0) config_refuse(at, "version", version, "gemm");
    load_modules(checkpoint, at, &(TransposedGrid){ .is_awq = true });
}
