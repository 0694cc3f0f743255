/* test_dumped_patches.c - pixel_values and image_position_ids as dumps spell them */
#include "inputs/dumped_patches.h"

#include "photos.h"

/* Two pictures, a pixel a patch: pixel_values are [2, patches, 3]. */
static const Pictures two = { .count = 2, .processor.patch_size = 1 };
static Dump *dump;

static DumpedPatches opened(const char *arrays, const char *const *only, Error *error)
{
    write_arrays(temporary("dump.safetensors"), arrays);
    dump = dump_open(temporary("dump.safetensors"), error);
    assert_clean(error);
    return dumped_patches_open(dump, &two, only, error);
}

static const struct {
    const char *arrays;
    int64_t value_length, position_length; /* 0: of another layout, or absent */
} layouts[] = {
    { "{\"pixel_values\": \"2 5 3\", \"image_position_ids\": \"2 5 2\"}", 5, 0 }, /* floats that are no whole numbers */
    { "{\"pixel_values\": \"2 5 3\"}", 5, 0 },
    { "{\"pixel_values\": \"10 3\"}", 0, 0 },
    { "{\"pixel_values\": \"2 5 4\"}", 0, 0 },
    { "{\"pixel_values\": \"3 5 3\"}", 0, 0 },
    { "{\"pixel_values\": \"2 1 3\"}", 1, 0 },
    { "{\"pixel_values\": \"2 3\"}", 1, 0 }, /* a dimension of 1 may be missing */
    { "{\"image_position_ids\": [[[0, 0], [1, 0]], [[0, 0], [-1, -1]]]}", 0, 2 },
    { "{\"image_position_ids\": [[0, 0], [1, 0]]}", 0, 1 },
    { "{\"image_position_ids\": [[0, 0], [1, 0], [2, 0]]}", 0, 0 },
    { "{\"other\": \"2 5 3\"}", 0, 0 },
};

START_TEST(layout)
{
    Error error = { "" };
    DumpedPatches found = opened(layouts[_i].arrays, _i == 0 ? (const char *const[]){ "pixel_*", NULL } : NULL, &error);
    assert_clean(&error);
    ck_assert_int_eq(found.value_length, layouts[_i].value_length);
    ck_assert_int_eq(found.position_length, layouts[_i].position_length);
    ck_assert((found.values != NULL) == (layouts[_i].value_length > 0));
    ck_assert((found.positions != NULL) == (layouts[_i].position_length > 0));
    dumped_patches_close(&found);
    dump_close(dump);
}
END_TEST

START_TEST(values_are_read)
{
    Error error = { "" };
    DumpedPatches found = opened("{\"pixel_values\": [[[0.5, 1.5, 2.5]], [[3.5, 4.5, 5.5]]],"
                                 " \"image_position_ids\": [[[0, 1]], [[-1, -1]]]}",
                                 NULL, &error);
    assert_clean(&error);
    for (int i = 0; i < 6; i++) ck_assert_double_eq((double)found.values[i], i + 0.5);
    ck_assert(found.positions[0] == 0 && found.positions[1] == 1 && found.positions[2] == -1 &&
              found.positions[3] == -1);
    dumped_patches_close(&found);
    dump_close(dump);
}
END_TEST

static const struct {
    const char *arrays, *says;
} refused[] = {
    { "{\"pixel_values\": [[[1, 2, 3]], [[4, 5, 6]]]}", ": pixel_values: found dtype I64, expected a float dtype" },
    { "{\"image_position_ids\": [[[1.5, 0.0]], [[1.0, 1.0]]]}",
      ": image_position_ids: found 1.5, expected whole numbers" },
    { "{\"image_position_ids\": [[[1e12, 0.0]], [[1.0, 1.0]]]}",
      ": image_position_ids: found 1e+12, expected whole numbers" },
};

START_TEST(refuses)
{
    Error error = { "" };
    DumpedPatches found = opened(refused[_i].arrays, NULL, &error);
    assert_refused(&error, temporary("dump.safetensors"), refused[_i].says);
    dumped_patches_close(&found);
    dump_close(dump);
}
END_TEST

START_TEST(names)
{
    ck_assert(is_of_preprocessing("pixel_values") && is_of_preprocessing("image_position_ids"));
    ck_assert(!is_of_preprocessing("pixel_values_videos") && !is_of_preprocessing("input_ids"));
}
END_TEST

Suite *dumped_patches_suite(void)
{
    Suite *suite = suite_create("dumped_patches");
    TCase *tcase = theme(suite, "dumps");
    tcase_add_loop_test(tcase, layout, 0, COUNT(layouts));
    tcase_add_test(tcase, values_are_read);
    tcase_add_loop_test(tcase, refuses, 0, COUNT(refused));
    tcase_add_test(tcase, names);
    return suite;
}
