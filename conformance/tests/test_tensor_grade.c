/* test_tensor_grade.c - a small int4 weight, quantised here: to nearest, in other ways, and with each bug */
#include "quantiser/tensor_grade.h"

#include <stdlib.h>

#include "helpers.h"

enum { ROWS = 12, COLUMNS = 128, GROUP = 32, GROUPS = COLUMNS / GROUP, ELEMENTS = ROWS * COLUMNS };

/* An encoding whose codes, scales and zeros lie open */
typedef struct {
    Encoding encoding;
    unsigned char codes[ELEMENTS];
    double scales[ROWS * GROUPS], zeros[ROWS * GROUPS];
    double scale_step;
} OpenCodes;

static int64_t group_of(int64_t i) { return i / COLUMNS * GROUPS + i % COLUMNS / GROUP; }

static void open_places(const Encoding *encoding, int64_t first, int64_t count, CodePlace *out)
{
    const OpenCodes *open = (const OpenCodes *)encoding;
    for (int64_t i = 0; i < count; i++) {
        int64_t group = group_of(first + i);
        out[i] = (CodePlace){ open->scales[group], open->zeros[group] * open->scales[group], open->codes[first + i],
                              open->scale_step, 0 };
    }
}

static double int4[16], weights[ELEMENTS];

static const Array original = {
    .name = "w", .dtype = DTYPE_F64, .rank = 2, .shape = { ROWS, COLUMNS }, .data = (const unsigned char *)weights
};

static OpenCodes *rounded_to_nearest(void)
{
    OpenCodes *open = arena_allocate(&scratch, sizeof *open);
    memset(open, 0, sizeof *open);
    for (int i = 0; i < 16; i++) int4[i] = i - 8;
    open->encoding = (Encoding){ .scheme = "int4", .bits = 4, .values = int4, .places = open_places };
    for (int64_t i = 0; i < ELEMENTS; i++) weights[i] = (int)(random_bits() % 2001 - 1000) * 1e-3;
    for (int64_t g = 0; g < ROWS * GROUPS; g++) {
        /* Scales of groups differ, as those of real weights do; a row's first is its largest. */
        double spread = g % GROUPS == 0 ? 1.4 : 0.7 + (double)(g * 7 % 5) * 0.15, largest = 0;
        for (int64_t i = 0; i < ELEMENTS; i++)
            if (group_of(i) == g) {
                weights[i] *= spread;
                largest = fmax(largest, fabs(weights[i]));
            }
        open->scales[g] = largest / 7.5;
    }
    for (int64_t i = 0; i < ELEMENTS; i++)
        open->codes[i] = (unsigned char)(8 + fmin(7, fmax(-8, round(weights[i] / open->scales[group_of(i)]))));
    return open;
}

static TensorGrade graded(const OpenCodes *open)
{
    Array quantised = {
        .name = "w", .dtype = DTYPE_ENCODED, .rank = 2, .shape = { ROWS, COLUMNS }, .encoding = &open->encoding
    };
    return tensor_grade(&original, &quantised, &scratch);
}

START_TEST(rounding_to_nearest_is_the_unit)
{
    TensorGrade grade = graded(rounded_to_nearest());
    ck_assert(grade.pass && grade.has_codes && !grade.packing);
    ck_assert_str_eq(grade.method, "rounded to nearest");
    assert_near(grade.rms, 1, 0.08, "rms", 0);
    ck_assert(grade.worst_group > grade.rms && grade.worst_group < 1.6);
    ck_assert(grade.largest > 0.9 && grade.largest < 1.1);
}
END_TEST

static void exchange_nibbles(OpenCodes *open)
{
    for (int i = 0; i < ELEMENTS; i += 2) {
        unsigned char code = open->codes[i];
        open->codes[i] = open->codes[i + 1];
        open->codes[i + 1] = code;
    }
}

static void move_codes(OpenCodes *open, int64_t (*from)(int64_t))
{
    unsigned char codes[ELEMENTS];
    memcpy(codes, open->codes, sizeof codes);
    for (int64_t i = 0; i < ELEMENTS; i++) open->codes[from(i)] = codes[i];
}

static int64_t reversed(int64_t i) { return i ^ 7; }
static int64_t other_half(int64_t i) { return i ^ 16; }
static int64_t interleaved(int64_t i) { return i / 32 * 32 + i % 32 / 2 + i % 2 * 16; }
static void reverse_words(OpenCodes *open) { move_codes(open, reversed); }
static void exchange_halves(OpenCodes *open) { move_codes(open, other_half); }
static void interleave_halves(OpenCodes *open) { move_codes(open, interleaved); }

static void flip_signs(OpenCodes *open)
{
    for (int i = 0; i < ELEMENTS; i++) open->codes[i] ^= 8;
}

static void move_scales(OpenCodes *open, int by)
{
    double scales[ROWS * GROUPS];
    memcpy(scales, open->scales, sizeof scales);
    for (int g = 0; g < ROWS * GROUPS; g++) open->scales[(g + by + ROWS * GROUPS) % (ROWS * GROUPS)] = scales[g];
}

static void scales_behind(OpenCodes *open) { move_scales(open, 1); }
static void scales_before(OpenCodes *open) { move_scales(open, -1); }
static void scales_of_rows_behind(OpenCodes *open) { move_scales(open, GROUPS); }

static void transpose_scales(OpenCodes *open)
{
    double scales[ROWS * GROUPS];
    memcpy(scales, open->scales, sizeof scales);
    for (int row = 0; row < ROWS; row++)
        for (int g = 0; g < GROUPS; g++) open->scales[g * ROWS + row] = scales[row * GROUPS + g];
}

static void round_with_first_scales(OpenCodes *open)
{
    for (int64_t i = 0; i < ELEMENTS; i++) {
        double scale = open->scales[group_of(i) / GROUPS * GROUPS];
        open->codes[i] = (unsigned char)(8 + fmin(7, fmax(-8, round(weights[i] / scale))));
    }
}

static void add_to_zeros(OpenCodes *open, int more)
{
    for (int g = 0; g < ROWS * GROUPS; g++) open->zeros[g] += more;
}

static void zeros_above(OpenCodes *open) { add_to_zeros(open, 1); }
static void zeros_below(OpenCodes *open) { add_to_zeros(open, -1); }
static void zeros_of_eight(OpenCodes *open) { add_to_zeros(open, 8); }

static int64_t other_group(int64_t i) { return i ^ 32; }

static void exchange_groups(OpenCodes *open)
{
    open->encoding.pair = 32;
    move_codes(open, other_group);
}

static void add_mins(OpenCodes *open)
{
    for (int64_t i = 0; i < ELEMENTS; i++) weights[i] -= 3 * open->scales[group_of(i)];
    add_to_zeros(open, -3);
}

static void lose_a_factor(OpenCodes *open)
{
    for (int g = 0; g < ROWS * GROUPS; g++) open->scales[g] /= 16;
}

static const struct {
    void (*bend)(OpenCodes *open);
    const char *id;
} bugs[] = {
    { exchange_nibbles, "nibbles-exchanged" },
    { reverse_words, "words-reversed" },
    { exchange_halves, "halves-exchanged" },
    { interleave_halves, "halves-interleaved" },
    { flip_signs, "sign-bit" },
    { scales_behind, "scale-behind" },
    { scales_before, "scale-before" },
    { round_with_first_scales, "first-scale" },
    { scales_of_rows_behind, "next-row-scale" },
    { transpose_scales, "scales-transposed" },
    { zeros_above, "zero-off-by-one" },
    { zeros_below, "zero-off-by-one" },
    { zeros_of_eight, "zero-ignored" },
    { lose_a_factor, "constant-factor" },
    { exchange_groups, "nibbles-exchanged" },
    { add_mins, "min-added" },
};

START_TEST(bug_is_named)
{
    OpenCodes *open = rounded_to_nearest();
    bugs[_i].bend(open);
    TensorGrade grade = graded(open);
    ck_assert_msg(!grade.pass && grade.rms > 2, "%s: rms %g", bugs[_i].id, grade.rms);
    ck_assert_ptr_nonnull(grade.packing_id);
    ck_assert_str_eq(grade.packing_id, bugs[_i].id);
    ck_assert(grade.packing_rms < 1.2);
}
END_TEST

/* One group of 48 has a wrong scale: too little for the tensor's rms. */
START_TEST(single_group)
{
    OpenCodes *open = rounded_to_nearest();
    open->scales[13] *= 1.25;
    TensorGrade grade = graded(open);
    ck_assert(!grade.pass && grade.rms < 2 && grade.worst_group > 2);
    ck_assert_int_eq(grade.group_at[0], 13 / GROUPS);
    ck_assert_int_eq(grade.group_at[1], 13 % GROUPS * GROUP);
    ck_assert_str_eq(grade.packing_id, "constant-factor");
    ck_assert_ptr_nonnull(strstr(grade.packing, "is 1.2"));
}
END_TEST

START_TEST(scale_of_zero)
{
    OpenCodes *open = rounded_to_nearest();
    open->scales[13] = 0;
    TensorGrade grade = graded(open);
    ck_assert(!grade.pass && grade.group_at[0] == 3 && grade.group_at[1] == GROUP);

    open = rounded_to_nearest();
    open->scales[13] = 0; /* of weights that are 0, too */
    for (int64_t i = 0; i < ELEMENTS; i++)
        if (group_of(i) == 13) weights[i] = 0;
    ck_assert(graded(open).pass);
}
END_TEST

/* Scales that are chosen for some columns leave others beyond: a group may be off by more where others are. */
START_TEST(group_among_searched_ones)
{
    OpenCodes *open = rounded_to_nearest();
    open->scales[13] *= 1.25;
    open->codes[0] ^= 2;
    TensorGrade grade = graded(open);
    ck_assert(grade.largest_elsewhere > 2.9 && grade.largest_elsewhere < 5.1);
    ck_assert(grade.worst_group > 2 && grade.worst_group < 8 && grade.pass);
    open->scales[13] *= 4;
    ck_assert(!graded(open).pass);
}
END_TEST

/* Where scales are multiples of a step, one may be 0: its elements are off by half of a step times a code at most. */
START_TEST(scales_that_are_codes)
{
    OpenCodes *open = rounded_to_nearest();
    for (int64_t i = 0; i < ELEMENTS; i++)
        if (group_of(i) == 13) weights[i] *= 0.4;
    open->scales[13] = 0;
    ck_assert(graded(open).worst_group > 4);
    open->scale_step = 0.1;
    TensorGrade grade = graded(open);
    ck_assert_msg(grade.pass && grade.worst_group < 1.3, "rms %g, group %g", grade.rms, grade.worst_group);
}
END_TEST

/* Noise that no packing takes away */
START_TEST(unknown_error)
{
    OpenCodes *open = rounded_to_nearest();
    for (int i = 0; i < ELEMENTS; i++) open->codes[i] = (unsigned char)(random_bits() % 16);
    TensorGrade grade = graded(open);
    ck_assert(!grade.pass && !grade.packing && !grade.packing_id && !grade.method);
}
END_TEST

/* A tensor without codes is the original's, rounded to its dtype. */
static const struct {
    double added, times;
    const char *id;
    bool pass;
} plain[] = { { 0, 1, NULL, true },
              { 1, 1, "one-added", false },
              { -1, 1, "one-taken-off", false },
              { 0, 1.01, NULL, false },
              { 0, -1, NULL, false } };

START_TEST(values_without_codes)
{
    float values[ELEMENTS];
    rounded_to_nearest();
    for (int i = 0; i < ELEMENTS; i++) values[i] = (float)(weights[i] * plain[_i].times + plain[_i].added);
    Array array = { .name = "w", .dtype = DTYPE_F32, .rank = 2, .shape = { ROWS, COLUMNS } };
    array.data = (const unsigned char *)values;
    TensorGrade grade = tensor_grade(&original, &array, &scratch);
    ck_assert(grade.pass == plain[_i].pass && !grade.has_codes);
    ck_assert((grade.packing_id == NULL) == (plain[_i].id == NULL));
    if (plain[_i].id) ck_assert_str_eq(grade.packing_id, plain[_i].id);
}
END_TEST

Suite *tensor_grade_suite(void)
{
    Suite *suite = suite_create("tensor_grade");
    TCase *tcase = theme(suite, "codes");
    tcase_add_test(tcase, rounding_to_nearest_is_the_unit);
    tcase_add_loop_test(tcase, bug_is_named, 0, COUNT(bugs));
    tcase_add_test(tcase, single_group);
    tcase_add_test(tcase, group_among_searched_ones);
    tcase_add_test(tcase, scale_of_zero);
    tcase_add_test(tcase, scales_that_are_codes);
    tcase_add_test(tcase, unknown_error);
    tcase = theme(suite, "values");
    tcase_add_loop_test(tcase, values_without_codes, 0, COUNT(plain));
    return suite;
}
