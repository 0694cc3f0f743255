/* test_gguf_types.c - ggml's blocks, packed here from codes and scales that are known */
#include "checkpoint/gguf_types.h"

#include "helpers.h"

enum { MOST = 256, BLOCKS = 3 };

typedef struct {
    int q[MOST];                          /* codes without their offset */
    int scale[MOST / 16], min[MOST / 16]; /* of groups */
    double d, dmin;
} Block;

static Block random_block(int bits, int largest_scale)
{
    static const double halves[] = { 0x1p-24, -0x1.ffcp15, 0x1.554p-3, -0x1p-14, 0 }; /* subnormal and largest */
    Block block = { .d = halves[random_bits() % 5], .dmin = halves[random_bits() % 5] };
    for (int i = 0; i < MOST; i++) block.q[i] = (int)(random_bits() % (1u << bits));
    for (int i = 0; i < MOST / 16; i++) {
        block.scale[i] = (int)(random_bits() % (unsigned)(largest_scale + 1));
        block.min[i] = (int)(random_bits() % (unsigned)(largest_scale + 1));
    }
    return block;
}

/* Halves of these few values only, by their definition */
static void put_half(unsigned char *at, double value)
{
    int exponent;
    double fraction = frexp(fabs(value), &exponent);
    uint16_t bits = 0;
    if (value != 0 && exponent < -13)
        bits = (uint16_t)ldexp(fabs(value), 24);
    else if (value != 0)
        bits = (uint16_t)((exponent + 14) << 10 | ((int)ldexp(fraction, 11) & 1023));
    bits |= value < 0 ? 0x8000 : 0;
    memcpy(at, &bits, 2);
}

static void put_bits(unsigned char *bytes, int bit, int value) { bytes[bit / 8] |= (unsigned char)(value << bit % 8); }

static void pack_small(const Block *block, int bits, unsigned char *out)
{
    put_half(out, block->d);
    for (int i = 0; i < 32; i++) {
        if (bits == 8) {
            out[2 + i] = (unsigned char)(block->q[i] - 128);
            continue;
        }
        unsigned char *nibbles = out + (bits == 5 ? 6 : 2);
        put_bits(nibbles + i % 16, i / 16 * 4, block->q[i] & 15);
        if (bits == 5) put_bits(out + 2, i, block->q[i] >> 4);
    }
}

static void pack_k(const Block *block, int bits, unsigned char *out)
{
    put_half(out, block->d);
    put_half(out + 2, block->dmin);
    for (int j = 0; j < 8; j++) { /* low four bits of groups 4..7 in their own bytes, high two above those of 0..3 */
        unsigned char *packed = out + 4;
        if (j < 4) {
            packed[j] |= (unsigned char)block->scale[j];
            packed[j + 4] |= (unsigned char)block->min[j];
        } else {
            packed[j + 4] |= (unsigned char)((block->scale[j] & 15) | (block->min[j] & 15) << 4);
            packed[j - 4] |= (unsigned char)(block->scale[j] >> 4 << 6);
            packed[j] |= (unsigned char)(block->min[j] >> 4 << 6);
        }
    }
    for (int i = 0; i < MOST; i++) {
        unsigned char *nibbles = out + (bits == 5 ? 48 : 16);
        put_bits(nibbles + i / 64 * 32 + i % 32, i / 32 % 2 * 4, block->q[i] & 15);
        if (bits == 5) put_bits(out + 16 + i % 32, i / 32, block->q[i] >> 4);
    }
}

static void pack_q6_k(const Block *block, unsigned char *out)
{
    for (int i = 0; i < MOST; i++) {
        put_bits(out + i / 128 * 64 + i % 64, i % 128 / 64 * 4, block->q[i] & 15);
        put_bits(out + 128 + i / 128 * 32 + i % 32, i % 128 / 32 * 2, block->q[i] >> 4);
    }
    for (int i = 0; i < MOST / 16; i++) out[192 + i] = (unsigned char)(block->scale[i] - 128);
    put_half(out + 208, block->d);
}

static const struct {
    uint32_t id;
    const char *name;
    int bits, largest_scale;
} types[] = { { 2, "Q4_0", 4, 0 },   { 6, "Q5_0", 5, 0 },   { 8, "Q8_0", 8, 0 },
              { 12, "Q4_K", 4, 63 }, { 13, "Q5_K", 5, 63 }, { 14, "Q6_K", 6, 255 } };

static double expected_at(const Block *block, int type, int i)
{
    int offset = 1 << (types[type].bits - 1);
    if (types[type].largest_scale == 0) return (block->q[i] - offset) * block->d;
    if (types[type].bits == 6) return (block->q[i] - offset) * block->d * (block->scale[i / 16] - 128);
    return block->d * block->scale[i / 32] * block->q[i] - block->dmin * block->min[i / 32];
}

START_TEST(blocks_are_decoded)
{
    const GgufType *type = gguf_type(types[_i].id);
    ck_assert_str_eq(type->name, types[_i].name);
    unsigned char bytes[BLOCKS * MOST] = { 0 };
    for (int round = 0; round < 100; round++) {
        Block blocks[BLOCKS];
        memset(bytes, 0, sizeof bytes);
        for (int i = 0; i < BLOCKS; i++) {
            blocks[i] = random_block(types[_i].bits, types[_i].largest_scale);
            unsigned char *at = bytes + i * type->bytes;
            if (types[_i].largest_scale == 0)
                pack_small(&blocks[i], types[_i].bits, at);
            else if (types[_i].bits == 6)
                pack_q6_k(&blocks[i], at);
            else
                pack_k(&blocks[i], types[_i].bits, at);
        }
        Encoding *encoding = gguf_encoding(type, BLOCKS, &scratch);
        gguf_place(encoding, bytes);
        ck_assert(encoding->is_finite(encoding));
        double found[BLOCKS * MOST];
        int64_t first = random_bits() % (uint32_t)type->block, count = BLOCKS * type->block - first;
        encoding->read(encoding, first, count, found);
        for (int64_t i = 0; i < count; i++) {
            int64_t at = first + i;
            assert_near(found[i], expected_at(&blocks[at / type->block], _i, (int)(at % type->block)), 0, "element",
                        at);
        }
        CodePlace places[BLOCKS * MOST];
        encoding->places(encoding, first, count, places);
        for (int64_t i = 0; i < count; i++)
            assert_near(encoding->values[places[i].code] * places[i].scale - places[i].shift, found[i], 0, "place", i);
    }
}
END_TEST

START_TEST(scale_is_nan)
{
    const GgufType *type = gguf_type(types[_i].id);
    for (int j = 0; j < 2 && type->scales[j] >= 0; j++) {
        unsigned char bytes[BLOCKS * MOST] = { 0 };
        memcpy(bytes + 2 * type->bytes + type->scales[j], &(uint16_t){ 0x7e00 }, 2);
        Encoding *encoding = gguf_encoding(type, BLOCKS, &scratch);
        gguf_place(encoding, bytes);
        ck_assert(!encoding->is_finite(encoding));
    }
}
END_TEST

Suite *gguf_types_suite(void)
{
    Suite *suite = suite_create("gguf_types");
    TCase *tcase = theme(suite, "blocks");
    tcase_add_loop_test(tcase, blocks_are_decoded, 0, COUNT(types));
    tcase_add_loop_test(tcase, scale_is_nan, 0, COUNT(types));
    return suite;
}
