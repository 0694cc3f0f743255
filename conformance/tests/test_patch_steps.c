/* test_patch_steps.c - how a dump's own pixels and positions are read and graded */
#include "inputs/patch_steps.h"

#include "bugs/bug.h"
#include "grade/arithmetic_class.h"
#include "photos.h"

static Pictures *pictures(void) { return pictures_in_memory((Picture[]){ photo(300, 200), photo(120, 240) }, 2, 70); }

static PatchGrade grade_of(const Pictures *of, const Array *pixel_values, const Array *image_position_ids)
{
    Error error = { "" };
    HonestPreprocessing way = HONEST_ASKED;
    Dump *dump = dump_of_patches(pixel_values, image_position_ids);
    DumpedPatches found = dumped_patches_open(dump, of, NULL, &error);
    assert_clean(&error);
    PatchGrade grade = grade_patches_honestly(&found, of, class_find("fp32"), &way, &scratch);
    dumped_patches_close(&found);
    dump_close(dump);
    return grade;
}

/* The array with another number of patches a picture, and filled with zeros */
static Array of_length(const Array *from, int64_t length)
{
    bool floats = from->dtype == DTYPE_F32;
    Array to = floats ? array_of_floats(from->name, from->shape[0], length, from->shape[2], &scratch)
                      : array_of_integers(from->name, from->shape[0], length, from->shape[2], &scratch);
    size_t row = (size_t)from->shape[2] * dtype_size(from->dtype);
    int64_t common = length < from->shape[1] ? length : from->shape[1];
    if (!floats) memset((unsigned char *)to.data, 0xff, (size_t)(from->shape[0] * length) * row);
    for (int64_t i = 0; i < from->shape[0]; i++)
        memcpy((unsigned char *)to.data + (size_t)(i * length) * row, from->data + (size_t)(i * from->shape[1]) * row,
               (size_t)common * row);
    return to;
}

/* ---------------------------------------------------------------- what passes */

START_TEST(same_bits)
{
    Pictures *two = pictures();
    for (int way = 0; way < 2; way++) {
        Patches patches = honest_patches(two, way);
        PatchGrade grade = grade_of(two, &patches.pixel_values, &patches.image_position_ids);
        ck_assert_int_eq(grade.count, 2);
        ck_assert(grade.steps[0].verdict == VERDICT_PASS && grade.steps[0].introduced == 0);
        ck_assert_str_eq(grade.steps[0].note, way ? "bit for bit pil" : "bit for bit torchvision");
        ck_assert(grade.steps[1].verdict == VERDICT_PASS && !grade.steps[1].note);
        ck_assert_int_eq(grade.steps[0].rows, 2 * 630);
        ck_assert_int_lt(grade.steps[0].graded_rows, 2 * 630);
    }
}
END_TEST

START_TEST(padded_to_another_length)
{
    static const int64_t lengths[] = { 594, 700, 2520 };
    Pictures *two = pictures();
    Patches patches = honest_patches(two, 0);
    for (int i = 0; i < COUNT(lengths); i++) {
        Array values = of_length(&patches.pixel_values, lengths[i]);
        Array positions = of_length(&patches.image_position_ids, lengths[i]);
        PatchGrade grade = grade_of(two, &values, &positions);
        ck_assert(grade.steps[0].verdict == VERDICT_PASS && grade.steps[1].verdict == VERDICT_PASS);
        ck_assert_int_eq(grade.steps[0].shape[1], lengths[i]);
    }
}
END_TEST

START_TEST(without_dimensions_of_1)
{
    Pictures *one = one_photo(300, 200, 70);
    Patches patches = honest_patches(one, 0);
    Array values = patches.pixel_values, positions = patches.image_position_ids;
    values.rank = positions.rank = 2;
    memmove(values.shape, values.shape + 1, 2 * sizeof *values.shape);
    memmove(positions.shape, positions.shape + 1, 2 * sizeof *positions.shape);
    PatchGrade grade = grade_of(one, &values, &positions);
    ck_assert(grade.steps[0].verdict == VERDICT_PASS && grade.steps[1].verdict == VERDICT_PASS);
}
END_TEST

START_TEST(positions_as_floats)
{
    Pictures *one = one_photo(300, 200, 70);
    Patches patches = honest_patches(one, 0);
    Array floats = array_of_floats("image_position_ids", 1, 630, 2, &scratch);
    for (int64_t i = 0; i < 2 * 630; i++)
        ((float *)floats.data)[i] = (float)array_integer(&patches.image_position_ids, i);
    ck_assert(grade_of(one, NULL, &floats).steps[0].verdict == VERDICT_PASS);
    ((float *)floats.data)[3] += 0.5f;
    Error error = { "" };
    Dump *dump = dump_of_patches(NULL, &floats);
    DumpedPatches found = dumped_patches_open(dump, one, NULL, &error);
    ck_assert_msg(strstr(error.message, "image_position_ids: found 0.5, expected whole numbers") != NULL, "%s",
                  error.message);
    dumped_patches_close(&found);
    dump_close(dump);
}
END_TEST

START_TEST(padding_is_not_graded)
{
    Pictures *one = one_photo(300, 200, 70);
    Patches patches = honest_patches(one, 0);
    ((float *)patches.pixel_values.data)[629 * 768] = 0.7f;
    PatchGrade grade = grade_of(one, &patches.pixel_values, &patches.image_position_ids);
    ck_assert(grade.steps[0].verdict == VERDICT_PASS);
    ((float *)patches.pixel_values.data)[629 * 768] = NAN;
    grade = grade_of(one, &patches.pixel_values, &patches.image_position_ids);
    ck_assert(grade.steps[0].verdict == VERDICT_FAIL && grade.steps[0].non_finite == 1);
}
END_TEST

/* ---------------------------------------------------------------- what fails */

START_TEST(one_wrong_patch)
{
    Pictures *two = pictures();
    Patches patches = honest_patches(two, 0);
    float *values = (float *)patches.pixel_values.data + (630 + 7) * 768;
    for (int j = 0; j < 768; j++) values[j] = 1 - values[j];
    PatchGrade grade = grade_of(two, &patches.pixel_values, &patches.image_position_ids);
    ck_assert(grade.steps[0].verdict == VERDICT_FAIL && grade.steps[1].verdict == VERDICT_PASS);
    ck_assert_int_eq(grade.steps[0].worst_row, 630 + 7);
    ck_assert_int_eq(grade.steps[0].worst_element / 768, 630 + 7);
}
END_TEST

START_TEST(one_wrong_position)
{
    Pictures *two = pictures();
    Patches patches = honest_patches(two, 0);
    ((int64_t *)patches.image_position_ids.data)[2 * (630 + 5)] += 1;
    PatchGrade grade = grade_of(two, &patches.pixel_values, &patches.image_position_ids);
    const Step *step = &grade.steps[1];
    ck_assert(grade.steps[0].verdict == VERDICT_PASS && step->verdict == VERDICT_FAIL);
    ck_assert_int_eq(step->worst_row, 630 + 5);
    ck_assert(step->worst_found == 6 && step->worst_expected == 5);
}
END_TEST

/* As plain as a difference can be: (levels of) noise of twice the limit */
START_TEST(too_much_noise)
{
    Pictures *one = one_photo(300, 200, 70);
    for (int twice = 0; twice < 2; twice++) {
        Patches patches = honest_patches(one, 0);
        float *values = (float *)patches.pixel_values.data;
        double most = (twice ? 4.0 : 1.0) * sqrt(3) * ROUNDING_OF_LEVELS /
                      255; /* evenly spread: rms is most / sqrt 3 */
        for (int64_t i = 0; i < array_elements(&patches.pixel_values); i++)
            values[i] += (float)(most * (2 * (random_bits() / 4294967296.0) - 1));
        Step step = grade_of(one, &patches.pixel_values, NULL).steps[0];
        ck_assert(step.verdict == (twice ? VERDICT_FAIL : VERDICT_PASS));
        assert_near(step.ratio, twice ? 4 : 1, 0.1, "ratio", 0);
    }
}
END_TEST

static const struct {
    int rank;
    int64_t shape[4];
    bool positions;
    const char *says;
} shape_differs[] = {
    { 3,
      { 1, 576, 768 },
      false,
      "found shape [1, 576, 768], expected [1, 630, 768]" }, /* 19 x 13 soft tokens and more */
    { 3, { 3, 336, 480 }, false, "found shape [3, 336, 480], expected [1, 630, 768]" },
    { 2, { 630, 767 }, false, "found shape [630, 767], expected [1, 630, 768]" },
    { 3, { 2, 630, 768 }, false, "found shape [2, 630, 768], expected [1, 630, 768]" },
    { 3, { 1, 0, 768 }, false, "found shape [1, 0, 768], expected [1, 630, 768]" },
    { 2, { 100, 2 }, true, "found shape [100, 2], expected [1, 630, 2]" },
    { 3, { 1, 630, 3 }, true, "found shape [1, 630, 3], expected [1, 630, 2]" },
};

START_TEST(of_another_shape)
{
    Pictures *one = one_photo(480, 336, 70); /* of 10 x 7 soft tokens: 630 patches */
    Array array = { .name = "x",
                    .dtype = shape_differs[_i].positions ? DTYPE_I64 : DTYPE_F32,
                    .rank = shape_differs[_i].rank };
    memcpy(array.shape, shape_differs[_i].shape, sizeof shape_differs[_i].shape);
    size_t bytes = (size_t)array_elements(&array) * dtype_size(array.dtype);
    array.data = memset(arena_allocate(&scratch, bytes + 1), 0, bytes + 1);
    PatchGrade grade = grade_of(one, shape_differs[_i].positions ? NULL : &array,
                                shape_differs[_i].positions ? &array : NULL);
    ck_assert_int_eq(grade.count, 1);
    ck_assert(grade.steps[0].verdict == VERDICT_FAIL && grade.steps[0].shape_differs);
    ck_assert_str_eq(grade.steps[0].note, shape_differs[_i].says);
}
END_TEST

START_TEST(of_another_grid)
{
    Pictures *one = one_photo(300, 200, 70), *square = one_photo(200, 200, 70);
    Patches patches = honest_patches(square, 0);
    PatchGrade grade = grade_of(one, &patches.pixel_values, &patches.image_position_ids);
    for (int n = 0; n < 2; n++) {
        ck_assert(grade.steps[n].verdict == VERDICT_FAIL);
        ck_assert_str_eq(grade.steps[n].note, "found 24 x 24 patches, expected 30 x 18, in picture 0");
    }
}
END_TEST

START_TEST(of_a_dtype_that_no_pixel_has)
{
    Error error = { "" };
    Pictures *one = one_photo(300, 200, 70);
    Array bytes = array_of_integers("pixel_values", 1, 630, 768, &scratch);
    Dump *dump = dump_of_patches(&bytes, NULL);
    DumpedPatches found = dumped_patches_open(dump, one, NULL, &error);
    ck_assert_msg(strstr(error.message, "pixel_values: found dtype I64, expected a float dtype") != NULL, "%s",
                  error.message);
    dumped_patches_close(&found);
    dump_close(dump);
}
END_TEST

START_TEST(only_what_is_asked_for)
{
    Error error = { "" };
    Pictures *one = one_photo(300, 200, 70);
    Patches patches = honest_patches(one, 0);
    Dump *dump = dump_of_patches(&patches.pixel_values, &patches.image_position_ids);
    DumpedPatches found = dumped_patches_open(dump, one, (const char *const[]){ "logits", "pixel*", NULL }, &error);
    ck_assert(found.pixel_values && found.values && !found.image_position_ids && !found.positions);
    dumped_patches_close(&found);
    dump_close(dump);
}
END_TEST

Suite *patch_steps_suite(void)
{
    Suite *suite = suite_create("patch_steps");
    TCase *passing = theme(suite, "passing"), *failing = theme(suite, "failing");
    tcase_add_test(passing, same_bits);
    tcase_add_test(passing, padded_to_another_length);
    tcase_add_test(passing, without_dimensions_of_1);
    tcase_add_test(passing, positions_as_floats);
    tcase_add_test(passing, padding_is_not_graded);
    tcase_add_test(passing, only_what_is_asked_for);
    tcase_add_test(failing, one_wrong_patch);
    tcase_add_test(failing, one_wrong_position);
    tcase_add_test(failing, too_much_noise);
    tcase_add_loop_test(failing, of_another_shape, 0, COUNT(shape_differs));
    tcase_add_test(failing, of_another_grid);
    tcase_add_test(failing, of_a_dtype_that_no_pixel_has);
    return suite;
}
