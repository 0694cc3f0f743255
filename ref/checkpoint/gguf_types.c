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

enum { SMALL = 32, LARGE = GGUF_LARGEST_BLOCK };

static double half_at(const unsigned char *bytes)
{
    double value;
    array_read_f64(&(Array){ .dtype = DTYPE_F16, .rank = 1, .shape = { 1 }, .data = bytes }, 0, 1, &value);
    return value;
}

static void take_q4_0(const unsigned char *bytes, GgufBlock *out)
{
    out->scales[0] = half_at(bytes);
    for (int i = 0; i < SMALL / 2; i++) {
        out->codes[i] = bytes[2 + i] & 15;
        out->codes[i + SMALL / 2] = bytes[2 + i] >> 4;
    }
}

static void take_q5_0(const unsigned char *bytes, GgufBlock *out)
{
    uint32_t fifth;
    out->scales[0] = half_at(bytes);
    memcpy(&fifth, bytes + 2, sizeof fifth);
    for (int i = 0; i < SMALL / 2; i++) {
        const unsigned low = bytes[6 + i] & 15, high = bytes[6 + i] >> 4;
        out->codes[i] = (unsigned char)(low | (fifth >> i & 1) << 4);
        out->codes[i + SMALL / 2] = (unsigned char)(high | (fifth >> (i + SMALL / 2) & 1) << 4);
    }
}

static void take_q8_0(const unsigned char *bytes, GgufBlock *out)
{
    out->scales[0] = half_at(bytes);
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
    double d = half_at(bytes), dmin = half_at(bytes + 2);
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
    double d = half_at(bytes + 208);
    for (int i = 0; i < LARGE / 16; i++) out->scales[i] = d * (signed char)scales[i];
    for (int i = 0; i < LARGE; i++) {
        int half = i / 128, group = i % 128 / 32, at = i % 32;
        int q = low[half * 64 + group % 2 * 32 + at] >> (group / 2 * 4) & 15;
        out->codes[i] = (unsigned char)(q | (high[half * 32 + at] >> (group * 2) & 3) << 4);
    }
}

#define PLAIN(dtype, size) \
    1, size, dtype, { -1, -1 }, 0, 0, NULL
#define BLOCKS(block, bytes, first, second, bits, group, take_apart) \
    block, bytes, DTYPE_ENCODED, { first, second }, bits, group, take_apart
#define NOT_READ \
    0, 0, DTYPE_ENCODED, { -1, -1 }, 0, 0, NULL
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

static void read_blocks(const Encoding *encoding, int64_t first, int64_t count, double *out)
{
    const Blocks *blocks = (const Blocks *)encoding;
    const GgufType *type = blocks->type;
    int lowest = lowest_of(type);
    GgufBlock block = { .mins = { 0 } };
    for (int64_t end = first + count, at = first; at < end;) {
        if (at == first || at % type->block == 0)
            type->take_apart(blocks->data + at / type->block * type->bytes, &block);
        int64_t group = at % type->block / type->group, stop = at + type->group - at % type->group;
        if (stop > end) stop = end;
        const unsigned char *codes = block.codes + at % type->block;
        for (; at < stop; at++)
            *out++ = (*codes++ + lowest) * block.scales[group] - block.mins[group];
    }
}

static void places_in_blocks(const Encoding *encoding, int64_t first, int64_t count, CodePlace *out)
{
    const Blocks *blocks = (const Blocks *)encoding;
    const GgufType *type = blocks->type;
    GgufBlock block = { .mins = { 0 } };
    for (int64_t i = 0; i < count; i++) {
        int64_t at = (first + i) % type->block;
        if (i == 0 || at == 0)
            type->take_apart(blocks->data + (first + i) / type->block * type->bytes, &block);
        out[i] = (CodePlace){ block.scales[at / type->group], block.mins[at / type->group], block.codes[at] };
    }
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
                                   .pair = type->bits != 4 ? 0 : type->block == SMALL ? SMALL / 2 : SMALL,
                                   .global_scale = 1,
                                   .read = read_blocks,
                                   .is_finite = blocks_are_finite,
                                   .places = places_in_blocks };
    return &blocks->encoding;
}

void gguf_place(Encoding *encoding, const unsigned char *data) { ((Blocks *)encoding)->data = data; }
