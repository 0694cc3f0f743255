/* code_grid.c - a row of codes at a time, group by group */
#include "checkpoint/code_grid.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "checkpoint/narrow_float.h"
#include "run/vectors.h"

enum { CODE_BLOCK = 512 };

static ALWAYS_INLINE void split_pairs_body(const unsigned char *restrict pairs, int64_t count,
                                           unsigned char *restrict out)
{
    for (int64_t i = 0; i < count; i++) {
        out[2 * i] = pairs[i] & 15;
        out[2 * i + 1] = pairs[i] >> 4;
    }
}

FOR_PROCESSORS(void, split_pairs, (const unsigned char *pairs, int64_t count, unsigned char *out), (pairs, count, out),
               (pairs, count, out))

/* A row begins at a byte; code i lies in bits i * bits and following, the lowest first. */
static void read_bits(const CodeGrid *grid, int64_t row, int64_t first, int64_t count, unsigned char *out)
{
    int64_t row_bytes = array_elements(&grid->codes) / grid->codes.shape[0] * (int64_t)dtype_size(grid->codes.dtype);
    const unsigned char *codes = grid->codes.data + row * row_bytes;
    int bits = grid->bits;
    if (bits == 8) {
        memcpy(out, codes + first, (size_t)count);
        return;
    }
    uint32_t mask = ((uint32_t)1 << bits) - 1;
    int64_t done = 0;
    if (bits == 4 && first % 2 == 0) {
        split_pairs(codes + first / 2, count / 2, out);
        done = count / 2 * 2;
    }
    for (int64_t i = done; i < count; i++) {
        int64_t at = (first + i) * bits;
        uint32_t word = codes[at / 8];
        if (at % 8 + bits > 8) word |= (uint32_t)codes[at / 8 + 1] << 8;
        out[i] = (unsigned char)(word >> (at % 8) & mask);
    }
}

/* A call for each group costs more than its elements. */
static double value_at(const Array *array, int64_t index)
{
    double value;
    switch (array->dtype) {
    case DTYPE_BF16: return (double)bf16_at(array->data + 2 * index);
    case DTYPE_F16: return (double)f16_at(array->data + 2 * index);
    case DTYPE_F32: return (double)f32_at(array->data + 4 * index);
    default: array_read_f64(array, index, 1, &value); return value;
    }
}

static int64_t scale_place(const CodeGrid *grid, int64_t row, int64_t group)
{
    int64_t groups = grid->scales.rank > 0 ? grid->scales.shape[grid->scales.rank - 1] : 1;
    return row / grid->row_group * groups + group;
}

static double plain_scale(const CodeGrid *grid, int64_t row, int64_t group)
{
    return value_at(&grid->scales, scale_place(grid, row, group));
}

double e8m0_scale(const CodeGrid *grid, int64_t row, int64_t group)
{
    return ldexp(1, (int)array_integer(&grid->scales, scale_place(grid, row, group)) - 127);
}

static int64_t group_of(const CodeGrid *grid, int64_t column)
{
    return grid->column_index ? array_integer(grid->column_index, column) : column / grid->column_group;
}

/* How many of `most` columns from `column` on are sure to be of one group */
static int64_t columns_left(const CodeGrid *grid, int64_t column, int64_t most)
{
    int64_t left = grid->column_index ? 1 : grid->column_group - column % grid->column_group;
    return left < most ? left : most;
}

/* The codes of a row and a group have these in common. */
typedef struct {
    double scale, zero, bias;
} Group;

static Group read_group(const CodeGrid *grid, int64_t row, int64_t column)
{
    int64_t group = group_of(grid, column);
    return (Group){ .scale = grid->scale(grid, row, group) * grid->factor / grid->divisor,
                    .zero = grid->zeros ? grid->zero(grid, row, group) : 0,
                    .bias = grid->biases ? value_at(grid->biases, scale_place(grid, row, group)) : 0 };
}

/* Integers need no table: a loop of vectors. Most files have them, and reading codes is most of a decode step. */
static ALWAYS_INLINE void scale_counted_body(const unsigned char *restrict codes, int64_t count, const CodeGrid *grid,
                                             const Group *group, double *restrict out)
{
    double from = grid->values[grid->flip] - group->zero, scale = group->scale, bias = group->bias;
    unsigned char flip = grid->flip;
    for (int64_t i = 0; i < count; i++) out[i] = (from + (codes[i] ^ flip)) * scale + bias;
}

FOR_PROCESSORS(void, scale_counted,
               (const unsigned char *codes, int64_t count, const CodeGrid *grid, const Group *group, double *out),
               (codes, count, grid, group, out), (codes, count, grid, group, out))

static void read_in_row(const CodeGrid *grid, int64_t row, int64_t first, int64_t count, double *out)
{
    unsigned char codes[CODE_BLOCK];
    assert(count <= CODE_BLOCK);
    grid->read_codes(grid, row, first, count, codes);
    for (int64_t i = 0, some; i < count; i += some) {
        some = columns_left(grid, first + i, count - i);
        Group group = read_group(grid, row, first + i);
        if (grid->is_counted)
            scale_counted(codes + i, some, grid, &group, out + i);
        else
            for (int64_t j = i; j < i + some; j++)
                out[j] = (grid->values[codes[j]] - group.zero) * group.scale + group.bias;
    }
}

static void places_in_grid(const Encoding *encoding, int64_t first, int64_t count, CodePlace *out)
{
    const CodeGrid *grid = (const CodeGrid *)encoding;
    for (int64_t i = 0, some; i < count; i += some) {
        int64_t row = (first + i) / grid->columns, column = (first + i) % grid->columns;
        some = grid->columns - column < count - i ? grid->columns - column : count - i;
        some = columns_left(grid, column, some);
        Group group = read_group(grid, row, column);
        for (int64_t j = 0; j < some; j++) {
            out[i + j] = (CodePlace){ .scale = group.scale, .shift = group.zero * group.scale - group.bias };
            grid->read_codes(grid, row, column + j, 1, &out[i + j].code);
        }
    }
}

static void read_grid(const Encoding *encoding, int64_t first, int64_t count, double *out)
{
    const CodeGrid *grid = (const CodeGrid *)encoding;
    while (count > 0) {
        int64_t row = first / grid->columns, column = first % grid->columns, some = grid->columns - column;
        if (some > count) some = count;
        if (some > CODE_BLOCK) some = CODE_BLOCK;
        read_in_row(grid, row, column, some, out);
        first += some;
        count -= some;
        out += some;
    }
}

static double largest_size(const Array *array)
{
    double block[CODE_BLOCK], largest = 0;
    int64_t count = array_elements(array);
    for (int64_t first = 0, some; first < count; first += some) {
        some = count - first < CODE_BLOCK ? count - first : CODE_BLOCK;
        array_read_f64(array, first, some, block);
        for (int64_t i = 0; i < some; i++) largest = fmax(largest, fabs(block[i]));
    }
    return largest;
}

/* Scales that are codes themselves are asked for one by one: they follow each other by groups. */
static double largest_scale(const CodeGrid *grid)
{
    if (dtype_is_float(grid->scales.dtype)) return largest_size(&grid->scales);
    double largest = 0;
    int64_t count = array_elements(&grid->scales);
    for (int64_t i = 0; i < count; i++) {
        double size = fabs(grid->scale(grid, 0, i));
        if (!isfinite(size)) return INFINITY;
        largest = fmax(largest, size);
    }
    return largest;
}

/* A code times a scale times the global one, and a bias, can be more than float32 holds, although each is finite. */
static bool fits_float32(const CodeGrid *grid)
{
    double scale = largest_scale(grid), bias = grid->biases ? largest_size(grid->biases) : 0, value = 0;
    for (int code = 0; code < 1 << grid->bits; code++) value = fmax(value, fabs(grid->values[code]));
    if (grid->zeros) value += CODE_VALUES;
    return value * scale * grid->factor / grid->divisor + bias <= (double)FLT_MAX;
}

static bool grid_is_finite(const Encoding *encoding)
{
    const CodeGrid *grid = (const CodeGrid *)encoding;
    return array_is_finite(&grid->scales) && array_is_finite(&grid->codes) &&
           (!grid->biases || array_is_finite(grid->biases)) && fits_float32(grid);
}

/* Scales or biases of a row's first groups, each as often as CODE_GROUP goes into a group of the file */
static void read_for_groups(const Array *array, int64_t place, int64_t each, int64_t count, float *out)
{
    if (each == 1) {
        array_read_f32(array, place, count, out);
        return;
    }
    for (int64_t i = 0; i < count; i += each) {
        float value = (float)value_at(array, place + i / each);
        for (int64_t j = i; j < i + each && j < count; j++) out[j] = value;
    }
}

/* As they lie in a row. Codes are signed when their highest bit is flipped, unless they are counted from 0. */
static void groups_in_grid(const Encoding *encoding, int64_t first, int64_t count, CodeGroups *out)
{
    const CodeGrid *grid = (const CodeGrid *)encoding;
    int64_t row = first / grid->columns, each = grid->column_group / CODE_GROUP, place = scale_place(grid, row, 0);
    const unsigned char *codes = grid->codes.data + first * grid->bits / 8;
    count /= CODE_GROUP;
    for (int64_t i = 0; i < count; i++) out->codes[i] = codes + i * CODE_GROUP * grid->bits / 8;
    read_for_groups(&grid->scales, place, each, count, out->scales);
    out->has_offsets = grid->biases || grid->zeros;
    if (grid->biases) read_for_groups(grid->biases, place, each, count, out->offsets);
    for (int64_t i = 0; grid->zeros && i < count; i++)
        out->offsets[i] = -out->scales[i] * (float)grid->zero(grid, row, i / each);
    out->flip = grid->flip ? 0 : grid->bits == 4 ? 0x88888888 : 0x80808080;
}

/* With zeros and biases exact but for the last operation where scales are narrow */
static bool has_groups(const CodeGrid *grid)
{
    Dtype dtype = grid->scales.dtype;
    bool is_narrow = dtype == DTYPE_BF16 || dtype == DTYPE_F16, is_plain = !grid->zeros && !grid->biases;
    int64_t half = (int64_t)1 << (grid->bits - 1);
    bool is_signed = grid->values[grid->flip] == (double)-half, is_counted_from_0 = grid->values[0] == 0 && !grid->flip;
    return grid->is_counted && (grid->bits == 4 || grid->bits == 8) && grid->read_codes == read_bits &&
           grid->scale == plain_scale && grid->factor == grid->divisor && !grid->column_index &&
           (is_signed || is_counted_from_0) && !(grid->zeros && grid->biases) &&
           (is_narrow || (dtype == DTYPE_F32 && is_plain)) && grid->columns % CODE_GROUP == 0 &&
           !(grid->biases && grid->biases->dtype == DTYPE_F64) &&
           grid->column_group % CODE_GROUP == 0;
}

/* The scale that each byte would be, of the first row */
static void table_of_grid(const Encoding *encoding, CodeTable *out)
{
    const CodeGrid *grid = (const CodeGrid *)encoding;
    unsigned char bytes[TABLE_SCALES];
    CodeGrid every = *grid;
    every.scales = (Array){ .dtype = grid->scales.dtype, .rank = 1, .shape = { TABLE_SCALES }, .data = bytes };
    for (int i = 0; i < TABLE_SCALES; i++) bytes[i] = (unsigned char)i;
    for (int i = 0; i < TABLE_SCALES; i++) {
        double scale = every.scale(&every, 0, i) * grid->factor / grid->divisor;
        for (int code = 0; code < TABLE_NUMBERS; code++) out->numbers[i][code] = grid->values[code] * scale;
    }
    out->codes = grid->codes.data;
    out->scales = grid->scales.data;
}

static bool has_table(const CodeGrid *grid)
{
    if (grid->bits != 4) return false;
    for (int code = 0; code < TABLE_NUMBERS; code++)
        if (grid->values[code + TABLE_NUMBERS] != -grid->values[code]) return false;
    return grid->read_codes == read_bits && dtype_size(grid->scales.dtype) == 1 && grid->row_group == 1 &&
           grid->column_group % TABLE_GROUP == 0 && grid->columns % grid->column_group == 0 && !grid->zeros &&
           !grid->biases && !grid->column_index;
}

static bool is_counted(const CodeGrid *grid, int flip)
{
    for (int code = 0; code < 1 << grid->bits; code++)
        if (grid->values[code] != grid->values[flip] + (code ^ flip)) return false;
    return true;
}

void code_grid_init(CodeGrid *grid)
{
    int half = 1 << (grid->bits - 1);
    grid->is_counted = is_counted(grid, 0) || is_counted(grid, half);
    grid->flip = is_counted(grid, 0) ? 0 : (unsigned char)half;
    grid->encoding.read = read_grid;
    grid->encoding.is_finite = grid_is_finite;
    grid->encoding.places = places_in_grid;
    grid->encoding.bits = grid->bits;
    grid->encoding.values = grid->values;
    if (grid->factor == 0) grid->factor = 1;
    if (grid->divisor == 0) grid->divisor = 1;
    grid->encoding.width = grid->columns;
    grid->encoding.group = grid->column_group;
    grid->encoding.row_group = grid->row_group;
    grid->encoding.pair = grid->bits == 4 ? 1 : 0;
    grid->encoding.has_zeros = grid->zeros;
    grid->encoding.global_scale = grid->factor / grid->divisor;
    if (!grid->read_codes) grid->read_codes = read_bits;
    if (!grid->scale) grid->scale = plain_scale;
    grid->encoding.groups = has_groups(grid) ? groups_in_grid : NULL;
    grid->encoding.table = has_table(grid) ? table_of_grid : NULL;
    grid->encoding.order = grid->bits == 4 ? CODES_IN_PAIRS : CODES_IN_BYTES;
    grid->encoding.is_signed = grid->values[0] != 0 || grid->flip;
}
