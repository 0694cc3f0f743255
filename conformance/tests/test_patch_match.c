/* test_patch_match.c - patches compared by hand: one pixel a patch, so that a level is 1 and its noise 1 / 12 */
#include "inputs/patch_match.h"

#include "photos.h"

enum { WIDTH = 3, LENGTH = 2 };
static const Gemma4ImageProcessor levels = { .patch_size = 1 };

/* Two patches of a picture at (0, 0) and (x, 0); x -1: the second one is padding. */
static Patches patches_of(const float *values, int64_t x)
{
    Patches patches = { array_of_floats("pixel_values", 1, LENGTH, WIDTH, &scratch),
                        array_of_integers("image_position_ids", 1, LENGTH, 2, &scratch) };
    memcpy((void *)patches.pixel_values.data, values, LENGTH * WIDTH * sizeof *values);
    memcpy((void *)patches.image_position_ids.data, ((int64_t[]){ 0, 0, x, x < 0 ? -1 : 0 }), 4 * sizeof(int64_t));
    return patches;
}

static DumpedPatches found_of(const Patches *patches)
{
    return (DumpedPatches){ .pictures = 1,
                            .width = WIDTH,
                            .value_length = LENGTH,
                            .position_length = LENGTH,
                            .values = (float *)patches->pixel_values.data,
                            .positions = (int64_t *)patches->image_position_ids.data };
}

/* Sums of r r, r d and d d, where r = found - honest and d = other - honest */
static const struct {
    float found[6], honest[6], other[6];
    double residual, product, power, count, worst_row;
    const char *class;
} values[] = {
    { { 7, 7, 7, 7, 7, 7 }, { 7, 7, 7, 7, 7, 7 }, { 7, 7, 7, 7, 7, 7 }, 0, 0, 0, 6, 0, "fp32" },
    { { 1, 0, 0, 0, 0, 0 }, { 0 }, { 2, 0, 0, 0, 0, 0 }, 12, 24, 48, 6, 16, "fp32" },
    { { 1, 0, 0, 0, 0, -1 }, { 0 }, { 0, 0, 0, 1, 0, 1 }, 24, -12, 24, 6, 8, "fp32" },
    { { 0 }, { 0 }, { 1, 1, 1, 0, 0, 0 }, 0, 0, 36, 6, 12, "fp32" },
    { { NAN, INFINITY, 0, 0, 0, 0 }, { 0 }, { 1, 1, 0, 0, 0, 0 }, 0, 0, 24, 6, 8, "fp32" },
    /* A dtype rounds 1024 itself, beside the rounding of a level. */
    { { 1025, 0, 0, 0, 0, 0 }, { 1024, 0, 0, 0, 0, 0 }, { 1025, 0, 0, 0, 0, 0 }, -1, -1, -1, 6, -1, "bf16" },
};

START_TEST(by_hand)
{
    const ArithmeticClass *class = class_find(values[_i].class);
    Patches a = patches_of(values[_i].found, 1), b = patches_of(values[_i].honest, 1),
            c = patches_of(values[_i].other, 1);
    DumpedPatches found = found_of(&a);
    PatchMatch m = match_patches(&found, &b, &c, &levels, class);
    double alone = 1 / (1 / 12.0 + pow(1024 * class->output_rounding, 2)); /* of the last row of the table */
    bool last = values[_i].residual < 0;
    assert_near(m.residual, last ? alone : values[_i].residual, 1e-9, "residual", _i);
    assert_near(m.product, last ? alone : values[_i].product, 1e-9, "product", _i);
    assert_near(m.power, last ? alone : values[_i].power, 1e-9, "power", _i);
    assert_near(m.worst_row, last ? alone / WIDTH : values[_i].worst_row, 1e-9, "worst_row", _i);
    ck_assert_double_eq(m.count, values[_i].count);
    ck_assert(m.touches[0] == (values[_i].power != 0) && !m.touches[1]);
}
END_TEST

START_TEST(positions)
{
    static const float zeros[6];
    Patches a = patches_of(zeros, 3), b = patches_of(zeros, 1), c = patches_of(zeros, 2);
    DumpedPatches found = found_of(&a);
    PatchMatch m = match_patches(&found, &b, &c, &levels, class_find("fp32"));
    assert_near(m.residual, 48, 1e-9, "residual", 0);
    assert_near(m.product, 24, 1e-9, "product", 0);
    assert_near(m.power, 12, 1e-9, "power", 0);
    ck_assert(!m.touches[0] && m.touches[1]);
}
END_TEST

/* Values are no one's business where both have padding; what one of them has there counts. */
START_TEST(padding)
{
    static const float zeros[6], noise[6] = { 0, 0, 0, 5, 5, 5 };
    Patches a = patches_of(noise, -1), b = patches_of(zeros, -1), c = patches_of(zeros, 1);
    DumpedPatches found = found_of(&a);
    ck_assert_double_eq(match_patches(&found, &b, &b, &levels, class_find("fp32")).residual, 0);
    ck_assert_double_eq(match_patches(&found, &b, &b, &levels, class_find("fp32")).count, WIDTH);
    assert_near(match_patches(&found, &b, &c, &levels, class_find("fp32")).residual, 900, 1e-9, "residual", 0);
}
END_TEST

/* A dump that is padded to another length stands beside zeros at (-1, -1) there. */
START_TEST(behind_the_last_patch)
{
    static const float zeros[6];
    Patches patches = patches_of(zeros, 1);
    const float *nothing = zeros;
    ck_assert_ptr_eq(patch_values(&patches, 0, LENGTH, nothing), nothing);
    ck_assert_ptr_ne(patch_values(&patches, 0, LENGTH - 1, nothing), nothing);
    ck_assert(patch_is_padding(patch_position(&patches, 0, LENGTH)));
    ck_assert(!patch_is_padding(patch_position(&patches, 0, LENGTH - 1)));
    ck_assert(!patch_is_padding((int64_t[]){ -1, 0 }));
}
END_TEST

static const struct {
    PatchMatch match;
    bool shows;
} shown[] = {
    { { .power = 25, .count = 100 }, true }, /* SEEN_SHARE: 25 of 125 */
    { { .power = 24.9, .count = 100 }, false },
    { { .power = 1, .count = 100, .worst_row = 16 }, true }, /* MOST_PATCH_RATIO: 4 */
    { { .power = 1, .count = 100, .worst_row = 15.9 }, false },
    { { .touches = { true, false }, .count = 100 }, false },
    { { .touches = { false, true }, .count = 100 }, true },
};

START_TEST(what_shows) { ck_assert(patches_show(&shown[_i].match) == shown[_i].shows); }
END_TEST

Suite *patch_match_suite(void)
{
    Suite *suite = suite_create("patch_match");
    TCase *tcase = theme(suite, "matches");
    tcase_add_loop_test(tcase, by_hand, 0, COUNT(values));
    tcase_add_test(tcase, positions);
    tcase_add_test(tcase, padding);
    tcase_add_test(tcase, behind_the_last_patch);
    tcase_add_loop_test(tcase, what_shows, 0, COUNT(shown));
    return suite;
}
