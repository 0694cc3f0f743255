/* code_products.c - a few rows of x by a weight of small integers with scales, which is read as it lies in the file
 *
 * Codes are widened in registers to the numbers that array_read gives, and multiplied there. Eight words of codes are
 * taken apart by shifts, of nibbles two groups at a time, of bytes one, into which codes of 6 bits are brought first:
 *
 *     words [8]      element 8 * lane + s, or 4 * lane + s, in bits 4 * s, or 8 * s, and following
 *       << >> & ^    codes of step s [8]
 *       to real      * scale + offset, each repeated for the lanes of its group
 *       * x          which is laid out once as codes come: by steps, then by lanes
 */
#include "nn/code_products.h"

#include <string.h>

#include "nn/dot.h"
#include "run/threads.h"
#include "run/vectors.h"

enum { WORD_LANES = 8 }; /* a vector of 32 bytes (nn/dot.h) */

typedef int32_t CodeLanes __attribute__((vector_size(4 * WORD_LANES)));
typedef uint32_t CodeWords __attribute__((vector_size(4 * WORD_LANES), aligned(1)));
typedef uint32_t HalfWords __attribute__((vector_size(2 * WORD_LANES), aligned(1)));
typedef real WordReals __attribute__((vector_size(sizeof(real) * WORD_LANES), aligned(sizeof(real))));

/* The same groups with scales and offsets repeated for their lanes */
typedef struct {
    const unsigned char *const *codes, *const *highest;
    real *scales, *offsets;
    uint32_t flip;
} GroupLanes;

/* Bits from a code to the next in a word: it has as many lanes to a group */
static ALWAYS_INLINE int room_of(CodeOrder order)
{
    return order == CODES_IN_PAIRS || order == CODES_IN_HALVES ? 4 : 8;
}

/* Scales to a group of CODE_GROUP codes */
static ALWAYS_INLINE int halves_of(const Encoding *encoding) { return encoding->group < CODE_GROUP ? 2 : 1; }

static ALWAYS_INLINE int groups_at_once(CodeOrder order) { return WORD_LANES / room_of(order); }

/* Room for 8 bits each: codes of bytes, or nibbles of one half of them, perhaps below their two highest bits */
static ALWAYS_INLINE void take_bytes(const GroupLanes *lanes, int64_t i, CodeOrder order, CodeWords *out)
{
    *out = *(const CodeWords *)lanes->codes[i];
    if (order == CODES_IN_PLANES) *out >>= (uint32_t)(i % 2 * 4);
    if (order != CODES_OF_6_BITS) return;
    CodeWords highest = *(const CodeWords *)lanes->highest[i] >> (uint32_t)(i % 4 * 2);
    *out = (*out >> (uint32_t)(i % 4 / 2 * 4) & 0x0f0f0f0f) | (highest & 0x03030303) << 4;
}

static ALWAYS_INLINE void take_words(const GroupLanes *lanes, int64_t i, CodeOrder order, CodeWords *out)
{
    __builtin_prefetch(lanes->codes[i] + DOT_AHEAD);
    if (room_of(order) == 8) {
        take_bytes(lanes, i, order, out);
        return;
    }
    HalfWords first = *(const HalfWords *)lanes->codes[i], second = *(const HalfWords *)lanes->codes[i + 1];
    *out = __builtin_shufflevector(first, second, 0, 1, 2, 3, 4, 5, 6, 7);
}

/* order, is_signed and bits are constants where this is called. */
static ALWAYS_INLINE real dot_codes(const GroupLanes *lanes, int64_t groups, CodeOrder order, bool is_signed, int bits,
                                    const real *x)
{
    const int room = room_of(order), cut = 32 - bits;
    WordReals sums[2] = { { 0 } };
    for (int64_t i = 0; i < groups; i += groups_at_once(order)) {
        CodeWords words;
        take_words(lanes, i, order, &words);
        if (is_signed) words ^= lanes->flip;
        WordReals scale = *(const WordReals *)(lanes->scales + i * room);
        WordReals offset = *(const WordReals *)(lanes->offsets + i * room);
        for (int s = 0; s < 32 / room; s++, x += WORD_LANES) {
            CodeLanes codes = is_signed ? (CodeLanes)(words << (cut - room * s)) >> cut
                                        : (CodeLanes)(words >> (room * s) & (0xffffffff >> cut));
            WordReals weight = __builtin_convertvector(codes, WordReals) * scale;
            if (order != CODES_OF_6_BITS) weight += offset; /* which has none */
            sums[s % 2] += weight * *(const WordReals *)x;
        }
    }
    WordReals both = sums[0] + sums[1];
    real sum = 0;
    for (int k = 0; k < WORD_LANES; k++) sum += both[k];
    return sum;
}

static ALWAYS_INLINE real dot_encoded(const GroupLanes *lanes, int64_t groups, const Encoding *encoding, const real *x)
{
    switch (encoding->order) {
    case CODES_IN_PLANES: return dot_codes(lanes, groups, CODES_IN_PLANES, false, 4, x);
    case CODES_OF_6_BITS: return dot_codes(lanes, groups, CODES_OF_6_BITS, true, 6, x);
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

static ALWAYS_INLINE void repeat_both(const CodeGroups *groups, int64_t count, int times, GroupLanes *lanes)
{
    repeat(groups->scales, count, times, lanes->scales);
    if (groups->has_offsets) repeat(groups->offsets, count, times, lanes->offsets);
}

/* groups, lanes: room for a row's */
static ALWAYS_INLINE void products_body(Matrix y, Matrix x, const Array *weight, CodeGroups *groups, GroupLanes *lanes)
{
    const Encoding *encoding = weight->encoding;
    int64_t in_features = weight->shape[1], padded = x.columns / CODE_GROUP;
    int halves = halves_of(encoding);
    for (int64_t j = 0; j < y.columns; j++) {
        encoding->groups(encoding, weight->offset + j * in_features, in_features, groups);
        lanes->flip = groups->flip;
        if (room_of(encoding->order) / halves == 8)
            repeat_both(groups, padded, 8, lanes);
        else
            repeat_both(groups, padded * halves, 4, lanes);
        for (int64_t i = 0; i < x.rows; i++)
            y.data[i * y.stride + j] = dot_encoded(lanes, padded, encoding, x.data + i * x.stride);
    }
}

FOR_PROCESSORS(void, products, (Matrix y, Matrix x, const Array *weight, CodeGroups *groups, GroupLanes *lanes),
               (y, x, weight, groups, lanes), (y, x, weight, groups, lanes))

/* The element, of the groups that are taken at once, that is at that place among steps and lanes */
static int64_t element_at(CodeOrder order, int64_t place)
{
    int64_t s = place / WORD_LANES, lane = place % WORD_LANES, codes = 32 / room_of(order);
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

static CodeGroups room_for(int64_t groups, int64_t scales, Arena *arena)
{
    size_t places = (size_t)groups * sizeof(unsigned char *), numbers = (size_t)scales * sizeof(float);
    return (CodeGroups){ .codes = arena_allocate(arena, places),
                         .highest = arena_allocate(arena, places),
                         .scales = arena_allocate(arena, numbers),
                         .offsets = arena_allocate(arena, numbers) };
}

typedef struct {
    Matrix y, x; /* x is laid out */
    const Array *weight;
} FewRows;

static void multiply_by_rows(void *context, int64_t first, int64_t end)
{
    const FewRows *few = context;
    Array rows = *few->weight;
    CodeOrder order = rows.encoding->order;
    int64_t count = rows.shape[1] / CODE_GROUP, padded = few->x.columns / CODE_GROUP;
    size_t numbers = (size_t)(padded * room_of(order)) * sizeof(real);
    Arena room = { 0 };
    CodeGroups groups = room_for(padded, padded * halves_of(rows.encoding), &room);
    GroupLanes lanes = { .codes = groups.codes,
                         .highest = groups.highest,
                         .scales = arena_allocate(&room, numbers),
                         .offsets = memset(arena_allocate(&room, numbers), 0, numbers) };
    for (int64_t i = count; i < padded; i++) { /* groups that stand for zeros, whatever their codes are */
        groups.codes[i] = (const unsigned char *)few->x.data;
        groups.scales[i] = groups.offsets[i] = 0;
    }
    rows.offset += first * rows.shape[1];
    products(matrix_columns(few->y, first, end - first), few->x, &rows, &groups, &lanes);
    arena_free(&room);
}

void code_products(Matrix y, Matrix x, const Array *weight, Run *run)
{
    int64_t count = x.columns / CODE_GROUP, at_once = groups_at_once(weight->encoding->order);
    int64_t padded = (count + at_once - 1) / at_once * at_once;
    Matrix laid_out = matrix(new_tensor(run, x.rows, padded * CODE_GROUP));
    lay_out(x, weight->encoding->order, laid_out);
    double work = (double)(y.rows * y.columns * x.columns) / 4;
    share_out(y.columns, 1, work, multiply_by_rows, &(FewRows){ y, laid_out, weight });
}
