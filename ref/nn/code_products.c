/* code_products.c - a few rows of x by a weight of small integers with scales, which is read as it lies in the file
 *
 * Codes are widened in registers to the numbers that array_read gives, and multiplied there. Sixteen words of codes are
 * taken apart by shifts, of nibbles four groups at a time, of bytes two:
 *
 *     words [16]     element 8 * lane + s, or 4 * lane + s, in bits 4 * s, or 8 * s, and following
 *       << >> & ^    codes of step s [16]
 *       to real      * scale + offset, each repeated for the lanes of its group
 *       * x          which is laid out once as codes come: by steps, then by lanes
 */
#include "nn/code_products.h"

#include <string.h>

#include "nn/dot.h"
#include "run/vectors.h"

typedef int32_t CodeLanes __attribute__((vector_size(4 * DOT_LANES)));
typedef uint32_t CodeWords __attribute__((vector_size(4 * DOT_LANES)));
typedef uint32_t HalfWords __attribute__((vector_size(2 * DOT_LANES), aligned(1)));
typedef uint32_t QuarterWords __attribute__((vector_size(DOT_LANES), aligned(1)));

#define JOINED_8(a, b) __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7)
#define JOINED_16(a, b) __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)

/* The same groups with scales and offsets repeated for their lanes */
typedef struct {
    const unsigned char *const *codes;
    real *scales, *offsets;
    uint32_t flip;
} GroupLanes;

/* Bits from a code to the next in a word: it has as many lanes to a group */
static ALWAYS_INLINE int room_of(CodeOrder order)
{
    return order == CODES_IN_BYTES || order == CODES_IN_PLANES ? 8 : 4;
}

static ALWAYS_INLINE int groups_at_once(CodeOrder order) { return DOT_LANES / room_of(order); }

static ALWAYS_INLINE void take_words(const unsigned char *const *codes, CodeOrder order, CodeWords *out)
{
    __builtin_prefetch(codes[0] + DOT_AHEAD);
    if (room_of(order) == 8) {
        HalfWords first = *(const HalfWords *)codes[0], second = *(const HalfWords *)codes[1];
        if (order == CODES_IN_PLANES) second >>= 4;
        *out = JOINED_16(first, second);
        return;
    }
    QuarterWords a = *(const QuarterWords *)codes[0], b = *(const QuarterWords *)codes[1];
    QuarterWords c = *(const QuarterWords *)codes[2], d = *(const QuarterWords *)codes[3];
    HalfWords first = JOINED_8(a, b), second = JOINED_8(c, d);
    *out = JOINED_16(first, second);
}

/* order, is_signed and bits are constants where this is called. */
static ALWAYS_INLINE real dot_codes(const GroupLanes *lanes, int64_t groups, CodeOrder order, bool is_signed, int bits,
                                    const real *x)
{
    const int room = room_of(order), cut = 32 - bits;
    RealLanes sums[2] = { { 0 } };
    for (int64_t i = 0; i < groups; i += groups_at_once(order)) {
        CodeWords words;
        take_words(lanes->codes + i, order, &words);
        if (is_signed) words ^= lanes->flip;
        RealLanes scale = *(const RealLanes *)(lanes->scales + i * room);
        RealLanes offset = *(const RealLanes *)(lanes->offsets + i * room);
        for (int s = 0; s < 32 / room; s++, x += DOT_LANES) {
            CodeLanes codes = is_signed ? (CodeLanes)(words << (cut - room * s)) >> cut
                                        : (CodeLanes)(words >> (room * s) & (0xffffffff >> cut));
            RealLanes weight = __builtin_convertvector(codes, RealLanes) * scale + offset;
            sums[s % 2] += weight * *(const RealLanes *)x;
        }
    }
    RealLanes both = sums[0] + sums[1];
    real sum = 0;
    for (int k = 0; k < DOT_LANES; k++) sum += both[k];
    return sum;
}

static ALWAYS_INLINE real dot_encoded(const GroupLanes *lanes, int64_t groups, const Encoding *encoding, const real *x)
{
    switch (encoding->order) {
    case CODES_IN_PLANES: return dot_codes(lanes, groups, CODES_IN_PLANES, false, 4, x);
    case CODES_IN_BYTES:
        return encoding->is_signed ? dot_codes(lanes, groups, CODES_IN_BYTES, true, 8, x)
                                   : dot_codes(lanes, groups, CODES_IN_BYTES, false, 8, x);
    default: /* of pairs and halves x is laid out differently, and nothing else */
        return encoding->is_signed ? dot_codes(lanes, groups, CODES_IN_PAIRS, true, 4, x)
                                   : dot_codes(lanes, groups, CODES_IN_PAIRS, false, 4, x);
    }
}

static ALWAYS_INLINE void repeat(const float *values, int64_t count, int times, real *restrict out)
{
    for (int64_t i = 0; i < count; i++)
        for (int k = 0; k < times; k++) out[i * times + k] = (real)values[i];
}

/* groups, lanes: room for a row's */
static ALWAYS_INLINE void products_body(Matrix y, Matrix x, const Array *weight, CodeGroups *groups, GroupLanes *lanes)
{
    const Encoding *encoding = weight->encoding;
    int64_t in_features = weight->shape[1], padded = x.columns / CODE_GROUP;
    for (int64_t j = 0; j < y.columns; j++) {
        encoding->groups(encoding, weight->offset + j * in_features, in_features, groups);
        lanes->flip = groups->flip;
        if (room_of(encoding->order) == 8) {
            repeat(groups->scales, padded, 8, lanes->scales);
            repeat(groups->offsets, padded, 8, lanes->offsets);
        } else {
            repeat(groups->scales, padded, 4, lanes->scales);
            repeat(groups->offsets, padded, 4, lanes->offsets);
        }
        for (int64_t i = 0; i < x.rows; i++)
            y.data[i * y.stride + j] = dot_encoded(lanes, padded, encoding, x.data + i * x.stride);
    }
}

FOR_PROCESSORS(void, products, (Matrix y, Matrix x, const Array *weight, CodeGroups *groups, GroupLanes *lanes),
               (y, x, weight, groups, lanes), (y, x, weight, groups, lanes))

/* The element, of the groups that are taken at once, that is at that place among steps and lanes */
static int64_t element_at(CodeOrder order, int64_t place)
{
    int64_t s = place / DOT_LANES, lane = place % DOT_LANES, codes = 32 / room_of(order);
    if (order != CODES_IN_HALVES) return lane * codes + s;
    return lane / 4 * CODE_GROUP + lane % 4 * 4 + s / 2 + s % 2 * (CODE_GROUP / 2);
}

/* Behind its end x is 0. */
static void lay_out(Matrix x, CodeOrder order, Matrix out)
{
    int64_t width = groups_at_once(order) * CODE_GROUP;
    for (int64_t k = 0; k < out.columns; k++) {
        int64_t element = k / width * width + element_at(order, k % width);
        for (int64_t i = 0; i < x.rows; i++)
            out.data[i * out.stride + k] = element < x.columns ? x.data[i * x.stride + element] : 0;
    }
}

static CodeGroups room_for(int64_t groups, Arena *arena)
{
    size_t count = (size_t)groups;
    return (CodeGroups){ .codes = arena_allocate(arena, count * sizeof(unsigned char *)),
                         .scales = arena_allocate(arena, count * sizeof(float)),
                         .offsets = arena_allocate(arena, count * sizeof(float)) };
}

void code_products(Matrix y, Matrix x, const Array *weight, Run *run)
{
    CodeOrder order = weight->encoding->order;
    int64_t count = x.columns / CODE_GROUP, at_once = groups_at_once(order);
    int64_t padded = (count + at_once - 1) / at_once * at_once;
    Matrix laid_out = matrix(new_tensor(run, x.rows, padded * CODE_GROUP));
    lay_out(x, order, laid_out);
    CodeGroups groups = room_for(padded, run->arena);
    GroupLanes lanes = { .codes = groups.codes,
                         .scales = new_tensor(run, padded * room_of(order)).data,
                         .offsets = new_tensor(run, padded * room_of(order)).data };
    for (int64_t i = count; i < padded; i++) { /* groups that stand for zeros, whatever their codes are */
        groups.codes[i] = (const unsigned char *)laid_out.data;
        groups.scales[i] = groups.offsets[i] = 0;
    }
    products(y, laid_out, weight, &groups, &lanes);
}
