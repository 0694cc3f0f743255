/* gguf_types.c - blocks of 32 and 256 elements, as ggml-common.h lays them out
 *
 *     q4_0   f16 d, 16 bytes: elements 0..15 in low and 16..31 in high nibbles        (q - 8) * d
 *     q5_0   f16 d, 32 bits: the fifth of each code, nibbles as q4_0                  (q - 16) * d
 *     q8_0   f16 d, 32 signed bytes                                                   q * d
 *     q4_k   f16 d, f16 dmin, 12 bytes of 6-bit scales and mins, nibbles              q * d * scale - dmin * min
 *     q5_k   the same, and 32 bytes of fifth bits before the nibbles
 *     q6_k   low nibbles, high pairs of bits, 16 signed scales, f16 d                 (q - 32) * d * scale
 */
#include "checkpoint/gguf_types.h"

#include <string.h>

#include "checkpoint/code_grid.h"
#include "checkpoint/narrow_float.h"

enum { SMALL = 32, LARGE = GGUF_LARGEST_BLOCK };

static void take_q4_0(const unsigned char *bytes, GgufBlock *out)
{
    out->scales[0] = (double)f16_at(bytes);
    for (int i = 0; i < SMALL / 2; i++) {
        out->codes[i] = bytes[2 + i] & 15;
        out->codes[i + SMALL / 2] = bytes[2 + i] >> 4;
    }
}

static void take_q5_0(const unsigned char *bytes, GgufBlock *out)
{
    uint32_t fifth;
    out->scales[0] = (double)f16_at(bytes);
    memcpy(&fifth, bytes + 2, sizeof fifth);
    for (int i = 0; i < SMALL / 2; i++) {
        const unsigned low = bytes[6 + i] & 15, high = bytes[6 + i] >> 4;
        out->codes[i] = (unsigned char)(low | (fifth >> i & 1) << 4);
        out->codes[i + SMALL / 2] = (unsigned char)(high | (fifth >> (i + SMALL / 2) & 1) << 4);
    }
}

static void take_q8_0(const unsigned char *bytes, GgufBlock *out)
{
    out->scales[0] = (double)f16_at(bytes);
    for (int i = 0; i < SMALL; i++) out->codes[i] = bytes[2 + i] ^ 128;
}

/* Scale and min of the j-th of eight groups, 6 bits each in 12 bytes */
static void scale_and_min(const unsigned char *packed, int j, int *scale, int *min)
{
    if (j < 4) {
        *scale = packed[j] & 63;
        *min = packed[j + 4] & 63;
    } else {
        *scale = (packed[j + 4] & 15) | (packed[j - 4] >> 6) << 4;
        *min = packed[j + 4] >> 4 | (packed[j] >> 6) << 4;
    }
}

/* Groups of 32: the even ones in low nibbles, the odd ones in the high nibbles of the same bytes. fifth may be NULL */
static void take_k(const unsigned char *bytes, const unsigned char *fifth, const unsigned char *nibbles, GgufBlock *out)
{
    double d = out->scale_step = (double)f16_at(bytes), dmin = out->min_step = (double)f16_at(bytes + 2);
    for (int j = 0; j < LARGE / 32; j++) {
        int scale, min;
        scale_and_min(bytes + 4, j, &scale, &min);
        out->scales[j] = d * scale;
        out->mins[j] = dmin * min;
        for (int i = 0; i < 32; i++) {
            int q = nibbles[j / 2 * 32 + i] >> (j % 2 * 4) & 15;
            if (fifth) q |= (fifth[i] >> j & 1) << 4;
            out->codes[j * 32 + i] = (unsigned char)q;
        }
    }
}

static void take_q4_k(const unsigned char *bytes, GgufBlock *out) { take_k(bytes, NULL, bytes + 16, out); }
static void take_q5_k(const unsigned char *bytes, GgufBlock *out) { take_k(bytes, bytes + 16, bytes + 48, out); }

/* Halves of 128: 64 bytes of nibbles hold groups 0 and 2, 1 and 3 of 32; 32 bytes hold two more bits of each group. */
static void take_q6_k(const unsigned char *bytes, GgufBlock *out)
{
    const unsigned char *low = bytes, *high = bytes + 128, *scales = bytes + 192;
    double d = out->scale_step = (double)f16_at(bytes + 208);
    for (int i = 0; i < LARGE / 16; i++) out->scales[i] = d * (signed char)scales[i];
    for (int half = 0; half < 2; half++, low += 64, high += 32) {
        unsigned char *codes = out->codes + half * 128;
        for (int i = 0; i < 32; i++) {
            codes[i] = (unsigned char)((low[i] & 15) | (high[i] & 3) << 4);
            codes[i + 32] = (unsigned char)((low[i + 32] & 15) | (high[i] >> 2 & 3) << 4);
            codes[i + 64] = (unsigned char)(low[i] >> 4 | (high[i] >> 4 & 3) << 4);
            codes[i + 96] = (unsigned char)(low[i + 32] >> 4 | (high[i] >> 6) << 4);
        }
    }
}

#define PLAIN(dtype, size) 1, size, dtype, { -1, -1 }, 0, 0, NULL
#define BLOCKS(block, bytes, first, second, bits, group, take_apart) \
    block, bytes, DTYPE_ENCODED, { first, second }, bits, group, take_apart
#define NOT_READ 0, 0, DTYPE_ENCODED, { -1, -1 }, 0, 0, NULL
/* clang-format off */
static const GgufType types[] = {
    { 0, "F32", PLAIN(DTYPE_F32, 4) },   { 1, "F16", PLAIN(DTYPE_F16, 2) },   { 30, "BF16", PLAIN(DTYPE_BF16, 2) },
    { 2, "Q4_0", BLOCKS(SMALL, 18, 0, -1, 4, 32, take_q4_0) },
    { 6, "Q5_0", BLOCKS(SMALL, 22, 0, -1, 5, 32, take_q5_0) },
    { 8, "Q8_0", BLOCKS(SMALL, 34, 0, -1, 8, 32, take_q8_0) },
    { 12, "Q4_K", BLOCKS(LARGE, 144, 0, 2, 4, 32, take_q4_k) },
    { 13, "Q5_K", BLOCKS(LARGE, 176, 0, 2, 5, 32, take_q5_k) },
    { 14, "Q6_K", BLOCKS(LARGE, 210, 208, -1, 6, 16, take_q6_k) },
    { 3, "Q4_1", NOT_READ },     { 7, "Q5_1", NOT_READ },     { 9, "Q8_1", NOT_READ },     { 10, "Q2_K", NOT_READ },
    { 11, "Q3_K", NOT_READ },    { 15, "Q8_K", NOT_READ },    { 16, "IQ2_XXS", NOT_READ }, { 17, "IQ2_XS", NOT_READ },
    { 18, "IQ3_XXS", NOT_READ }, { 19, "IQ1_S", NOT_READ },   { 20, "IQ4_NL", NOT_READ },  { 21, "IQ3_S", NOT_READ },
    { 22, "IQ2_S", NOT_READ },   { 23, "IQ4_XS", NOT_READ },  { 24, "I8", NOT_READ },      { 25, "I16", NOT_READ },
    { 26, "I32", NOT_READ },     { 27, "I64", NOT_READ },     { 28, "F64", NOT_READ },     { 29, "IQ1_M", NOT_READ },
    { 34, "TQ1_0", NOT_READ },   { 35, "TQ2_0", NOT_READ },   { 39, "MXFP4", NOT_READ },   { 40, "NVFP4", NOT_READ },
};
/* clang-format on */
const char *const gguf_types_read = "F32, F16, BF16, Q4_0, Q5_0, Q8_0, Q4_K, Q5_K or Q6_K";

const GgufType *gguf_type(uint32_t id)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].id == id) return &types[i];
    return NULL;
}

typedef struct {
    Encoding encoding;
    const GgufType *type;
    const unsigned char *data;
    int64_t count;
} Blocks;

/* The meaning of code 0: codes without mins are as many above 0 as below. */
static int lowest_of(const GgufType *type) { return type->scales[1] >= 0 ? 0 : -(1 << (type->bits - 1)); }

static void scale_codes(const unsigned char *restrict codes, int64_t count, int lowest, double scale, double min,
                        double *restrict out)
{
    for (int64_t i = 0; i < count; i++) out[i] = (codes[i] + lowest) * scale - min;
}

static void read_blocks(const Encoding *encoding, int64_t first, int64_t count, double *out)
{
    const Blocks *blocks = (const Blocks *)encoding;
    const GgufType *type = blocks->type;
    int lowest = lowest_of(type);
    GgufBlock block = { .mins = { 0 } };
    for (int64_t end = first + count, at = first; at < end;) {
        if (at == first || at % type->block == 0)
            type->take_apart(blocks->data + at / type->block * type->bytes, &block);
        int64_t in_block = at % type->block, group = in_block / type->group, some = type->group - at % type->group;
        if (some > end - at) some = end - at;
        scale_codes(block.codes + in_block, some, lowest, block.scales[group], block.mins[group], out);
        out += some;
        at += some;
    }
}

static void places_in_blocks(const Encoding *encoding, int64_t first, int64_t count, CodePlace *out)
{
    const Blocks *blocks = (const Blocks *)encoding;
    const GgufType *type = blocks->type;
    GgufBlock block = { .mins = { 0 } };
    for (int64_t i = 0; i < count; i++) {
        int64_t at = (first + i) % type->block;
        if (i == 0 || at == 0) type->take_apart(blocks->data + (first + i) / type->block * type->bytes, &block);
        int64_t group = at / type->group;
        out[i] = (CodePlace){ block.scales[group], block.mins[group], block.codes[at], block.scale_step,
                              block.min_step };
    }
}

static void groups_of_small(const Encoding *encoding, int64_t first, int64_t count, CodeGroups *out)
{
    const Blocks *blocks = (const Blocks *)encoding;
    const unsigned char *bytes = blocks->data + first / SMALL * blocks->type->bytes;
    for (int64_t i = 0; i < count / SMALL; i++, bytes += blocks->type->bytes) {
        out->codes[i] = bytes + 2;
        out->scales[i] = f16_at(bytes);
    }
    out->has_offsets = false;
    out->flip = blocks->type->bits == 4 ? 0x88888888 : 0;
}

static void groups_of_q4_k(const Encoding *encoding, int64_t first, int64_t count, CodeGroups *out)
{
    const Blocks *blocks = (const Blocks *)encoding;
    const unsigned char *bytes = blocks->data + first / LARGE * blocks->type->bytes;
    for (int64_t i = 0; i < count / SMALL; bytes += blocks->type->bytes) {
        float d = f16_at(bytes), dmin = f16_at(bytes + 2);
        for (int j = 0; j < LARGE / SMALL; j++, i++) {
            int scale, min;
            scale_and_min(bytes + 4, j, &scale, &min);
            out->codes[i] = bytes + 16 + j / 2 * 32;
            out->scales[i] = d * (float)scale;
            out->offsets[i] = -dmin * (float)min;
        }
    }
    out->has_offsets = true;
}

static void groups_of_q6_k(const Encoding *encoding, int64_t first, int64_t count, CodeGroups *out)
{
    const Blocks *blocks = (const Blocks *)encoding;
    const unsigned char *bytes = blocks->data + first / LARGE * blocks->type->bytes;
    for (int64_t i = 0; i < count / SMALL; bytes += blocks->type->bytes) {
        float d = f16_at(bytes + 208);
        for (int j = 0; j < LARGE / 16; j++) out->scales[2 * i + j] = d * (float)(signed char)bytes[192 + j];
        for (int j = 0; j < LARGE / SMALL; j++, i++) {
            out->codes[i] = bytes + j / 4 * 64 + j % 2 * 32;
            out->highest[i] = bytes + 128 + j / 4 * 32;
        }
    }
    out->has_offsets = false;
    out->flip = 0x20202020;
}

static bool blocks_are_finite(const Encoding *encoding)
{
    const Blocks *blocks = (const Blocks *)encoding;
    for (int64_t i = 0; i < blocks->count; i++)
        for (int j = 0; j < 2 && blocks->type->scales[j] >= 0; j++) {
            Array scale = { .dtype = DTYPE_F16, .rank = 1, .shape = { 1 } };
            scale.data = blocks->data + i * blocks->type->bytes + blocks->type->scales[j];
            if (!array_is_finite(&scale)) return false;
        }
    return true;
}

/* Codes times scales are exact in float32 in these types, or the last that is rounded. */
static const struct {
    void (*take_apart)(const unsigned char *bytes, GgufBlock *out);
    void (*groups)(const Encoding *encoding, int64_t first, int64_t count, CodeGroups *out);
    CodeOrder order;
} grouped[] = {
    { take_q4_0, groups_of_small, CODES_IN_HALVES },
    { take_q8_0, groups_of_small, CODES_IN_BYTES },
    { take_q4_k, groups_of_q4_k, CODES_IN_PLANES },
    { take_q6_k, groups_of_q6_k, CODES_OF_6_BITS },
};

static void place_groups(Encoding *encoding, const GgufType *type)
{
    for (size_t i = 0; i < sizeof grouped / sizeof *grouped; i++) {
        if (grouped[i].take_apart != type->take_apart) continue;
        encoding->groups = grouped[i].groups;
        encoding->order = grouped[i].order;
        encoding->is_signed = lowest_of(type) < 0;
    }
}

Encoding *gguf_encoding(const GgufType *type, int64_t count, Arena *arena)
{
    Blocks *blocks = arena_allocate(arena, sizeof *blocks);
    *blocks = (Blocks){ .type = type, .count = count };
    blocks->encoding = (Encoding){ .scheme = type->name,
                                   .bits = type->bits,
                                   .values = integer_values(type->bits, lowest_of(type), arena),
                                   .width = count,
                                   .group = type->group,
                                   .row_group = 1,
                                   .pair = type->bits != 4        ? 0
                                           : type->block == SMALL ? SMALL / 2
                                                                  : SMALL,
                                   .global_scale = 1,
                                   .read = read_blocks,
                                   .is_finite = blocks_are_finite,
                                   .places = places_in_blocks };
    place_groups(&blocks->encoding, type);
    return &blocks->encoding;
}

void gguf_place(Encoding *encoding, const unsigned char *data) { ((Blocks *)encoding)->data = data; }
