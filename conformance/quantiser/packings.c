/* packings.c - one table: codes in another place, scales in another place, zeros that are off */
#include "quantiser/packings.h"

#include <string.h>

enum { LARGE_BLOCK = 256 }; /* of K-quants */

static CodePlace with_code_of(const QuantisedRow *row, int64_t column, int64_t other)
{
    CodePlace place = row->at[column];
    if (other < row->columns) place.code = row->at[other].code;
    return place;
}

static CodePlace exchanged_pairs(const QuantisedRow *row, int64_t column)
{
    return with_code_of(row, column, column ^ 1);
}

static CodePlace reversed_words(const QuantisedRow *row, int64_t column)
{
    return with_code_of(row, column, column ^ 7);
}

static CodePlace exchanged_halves(const QuantisedRow *row, int64_t column)
{
    return with_code_of(row, column, column ^ 16);
}

/* Nibbles that are unpacked one after the other, where a block has its first half in the low ones */
static CodePlace interleaved_halves(const QuantisedRow *row, int64_t column)
{
    int64_t block = column / 32 * 32, i = column % 32;
    return with_code_of(row, column, block + i / 2 + i % 2 * 16);
}

/* Where groups of 32 share bytes in pairs */
static CodePlace exchanged_groups(const QuantisedRow *row, int64_t column)
{
    return row->tensor->encoding->pair == 32 ? with_code_of(row, column, column ^ 32) : row->at[column];
}

static CodePlace other_sign(const QuantisedRow *row, int64_t column)
{
    CodePlace place = row->at[column];
    place.code ^= (unsigned char)(1 << (row->bits - 1));
    return place;
}

static CodePlace with_scale_of(CodePlace place, CodePlace other)
{
    other.code = place.code;
    return other;
}

static CodePlace scale_behind(const QuantisedRow *row, int64_t column)
{
    int64_t next = row->group_end[column];
    return with_scale_of(row->at[column], next < row->columns ? row->at[next] : row->next_row[0]);
}

static CodePlace scale_before(const QuantisedRow *row, int64_t column)
{
    int64_t start = row->group_start[column];
    CodePlace before = start > 0 ? row->at[start - 1] : row->previous_row[row->columns - 1];
    return with_scale_of(row->at[column], before);
}

static CodePlace scale_of_next_block(const QuantisedRow *row, int64_t column)
{
    int64_t next = column + LARGE_BLOCK;
    if (row->at[column].scale_step == 0) return row->at[column]; /* no such blocks */
    return with_scale_of(row->at[column], next < row->columns ? row->at[next] : row->next_row[next - row->columns]);
}

static CodePlace first_scale(const QuantisedRow *row, int64_t column)
{
    return with_scale_of(row->at[column], row->at[0]);
}

static CodePlace scale_of_next_row(const QuantisedRow *row, int64_t column)
{
    return with_scale_of(row->at[column], row->next_row[column]);
}

/* Scales [rows, groups] that were stored as [groups, rows] */
static CodePlace transposed_scales(const QuantisedRow *row, int64_t column)
{
    int64_t width = row->group_end[0], groups = (row->columns + width - 1) / width;
    int64_t stored = column / width * row->rows + row->row;
    int64_t element = stored / groups * row->columns + stored % groups * width;
    CodePlace other;
    row->tensor->encoding->places(row->tensor->encoding, row->tensor->offset + element, 1, &other);
    return with_scale_of(row->at[column], other);
}

static CodePlace zero_above(const QuantisedRow *row, int64_t column)
{
    CodePlace place = row->at[column];
    place.shift += place.scale;
    return place;
}

static CodePlace zero_below(const QuantisedRow *row, int64_t column)
{
    CodePlace place = row->at[column];
    place.shift -= place.scale;
    return place;
}

static CodePlace added_min(const QuantisedRow *row, int64_t column)
{
    CodePlace place = row->at[column];
    place.shift = -place.shift;
    return place;
}

static CodePlace without_zero(const QuantisedRow *row, int64_t column)
{
    CodePlace place = row->at[column];
    place.shift = 0;
    return place;
}

const Packing packings[] = {
    { "nibbles-exchanged", "the two codes of each pair are exchanged", exchanged_pairs },
    { "words-reversed", "the eight codes of each word are in reverse order", reversed_words },
    { "halves-exchanged", "the two halves of each block of 32 codes are exchanged", exchanged_halves },
    { "halves-interleaved", "codes of a block of 32 lie one after the other, not in halves", interleaved_halves },
    { "nibbles-exchanged", "the low and the high halves of bytes are exchanged", exchanged_groups },
    { "sign-bit", "codes count from 0 where they are signed, or the other way round", other_sign },
    { "scale-behind", "each group's scale stands at the group behind it", scale_behind },
    { "scale-before", "each group's scale stands at the group before it", scale_before },
    { "block-scales-behind", "each block's scales stand at the block behind it", scale_of_next_block },
    { "first-scale", "each row was rounded with the scale of its first group", first_scale },
    { "next-row-scale", "each row's scales stand at the row behind it", scale_of_next_row },
    { "scales-transposed", "the scales are stored as [groups, rows]", transposed_scales },
    { "zero-off-by-one", "each zero is stored one too small", zero_above },
    { "zero-off-by-one", "each zero is stored one too large", zero_below },
    { "min-added", "each group's min has the other sign", added_min },
    { "zero-ignored", "codes have no zero, and one is stored", without_zero },
};
const int packing_count = sizeof packings / sizeof *packings;

QuantisedRow quantised_row(const Array *tensor, Arena *arena)
{
    int64_t columns = tensor->shape[tensor->rank - 1];
    size_t count = (size_t)columns + 1;
    return (QuantisedRow){ .tensor = tensor,
                           .rows = array_elements(tensor) / columns,
                           .columns = columns,
                           .row = -1,
                           .at = arena_allocate(arena, count * sizeof(CodePlace)),
                           .next_row = arena_allocate(arena, count * sizeof(CodePlace)),
                           .previous_row = arena_allocate(arena, count * sizeof(CodePlace)),
                           .group_end = arena_allocate(arena, count * sizeof(int64_t)),
                           .group_start = arena_allocate(arena, count * sizeof(int64_t)),
                           .values = tensor->encoding->values,
                           .bits = tensor->encoding->bits };
}

static void find_groups(QuantisedRow *row)
{
    for (int64_t start = 0, end; start < row->columns; start = end) {
        const CodePlace *first = &row->at[start];
        for (end = start + 1; end < row->columns; end++)
            if (row->at[end].scale != first->scale || row->at[end].shift != first->shift) break;
        for (int64_t i = start; i < end; i++) {
            row->group_start[i] = start;
            row->group_end[i] = end;
        }
    }
}

static void read_places(const QuantisedRow *row, int64_t number, CodePlace *out)
{
    const Encoding *encoding = row->tensor->encoding;
    encoding->places(encoding, row->tensor->offset + number * row->columns, row->columns, out);
}

void quantised_row_read(QuantisedRow *row, int64_t number)
{
    read_places(row, number, row->at);
    read_places(row, (number + 1) % row->rows, row->next_row);
    read_places(row, (number + row->rows - 1) % row->rows, row->previous_row);
    row->row = number;
    find_groups(row);
}

double code_place_value(const QuantisedRow *row, CodePlace place)
{
    return row->values[place.code] * place.scale - place.shift;
}
