/* test_preprocessing.c - Hugging Face's own way bit for bit, other ways near it, and bugs by hand */
#include <math.h>

#include "pictures/preprocessing.h"

#include "bugs/switch/buggy_pictures.h"
#include "photos.h"

#define PLUMB_PNG IMAGES "/plumb.png"

static Pictures *plumb_png(ResizeFlavour flavour, Error *error)
{
    const char *paths[] = { PLUMB_PNG };
    return pictures_open(
        E2B "/model", &(ProcessorRequest){ .images = { paths, 1 }, .flavour = flavour, .max_soft_tokens = 280 }, error);
}

static void assert_crc(const Array *array, const json_t *expected, const char *key)
{
    uint32_t crc = crc_of(array->data, (size_t)array_elements(array) * dtype_size(array->dtype));
    ck_assert_uint_eq(crc, (uint32_t)json_integer_value(json_object_get(expected, key)));
}

/* fixtures/image/expected.json is Hugging Face's */
START_TEST(as_hugging_face)
{
    const char *name = _i ? "pil" : "torchvision";
    Error error = { "" };
    Pictures *pictures = plumb_png(_i ? RESIZE_PIL : RESIZE_TORCHVISION, &error);
    assert_clean(&error);
    Patches patches = honest_patches(pictures, 0), other = honest_patches(pictures, 1);
    ck_assert_str_eq(honest_preprocessing_name(pictures, HONEST_ASKED), name);
    const json_t *expected;
    size_t index;
    int compared = 0;
    json_array_foreach(json_object_get(expected_images(), "preprocess"), index, expected)
    {
        if (json_integer_value(json_object_get(expected, "max_soft_tokens")) != 280) continue;
        bool asked = strcmp(json_string_value(json_object_get(expected, "flavour")), name) == 0;
        assert_crc(asked ? &patches.pixel_values : &other.pixel_values, expected, "pixel_values");
        assert_crc(&patches.image_position_ids, expected, "image_position_ids");
        compared++;
    }
    ck_assert_int_eq(compared, 2);
    pictures_close(pictures);
}
END_TEST

/* Settings with a mean and a deviation: real arithmetic follows them, and is a rounding away. */
START_TEST(settings_are_followed)
{
    Pictures *pictures = one_photo(300, 200, 70);
    Gemma4ImageProcessor *p = &pictures->processor;
    p->do_normalize = true;
    for (int c = 0; c < 3; c++) p->image_mean[c] = 0.3 + 0.1 * c, p->image_std[c] = 0.2 + 0.1 * c;
    assert_near(level_step(p, 1), 1 / (255 * 0.3), 1e-12, "step", 1);
    Patches exact = honest_patches(pictures, 2), right = honest_patches(pictures, 0);
    const float *a = (const float *)exact.pixel_values.data, *b = (const float *)right.pixel_values.data;
    int64_t wrong = 0;
    for (int64_t i = 0; i < array_elements(&right.pixel_values); i++)
        wrong += !(fabs((double)a[i] - b[i]) < 3 * level_step(p, (int)(i % 3)));
    ck_assert_int_eq(wrong, 0);
}
END_TEST

START_TEST(nothing_is_resized_where_settings_say_so)
{
    Pictures *pictures = one_photo(96, 48, 70);
    pictures->processor.do_resize = false;
    ck_assert(!changes_size(pictures, bug_find("resize-square")->target_size));
    Patches patches = honest_patches(pictures, 2);
    ck_assert_int_eq(patches.pixel_values.shape[1], 630);
    ck_assert(((const float *)patches.pixel_values.data)[3] ==
              (float)(pictures->pictures[0].pixels[3] * pictures->processor.rescale_factor));
}
END_TEST

static const struct {
    int width, height, max_soft_tokens;
    const char *bug;
    int new_width, new_height;
} sizes[] = {
    { 16000, 16, 280, "soft-tokens-max-unit", 529 * 48, 48 }, /* vllm#42485 */
    { 3, 900, 280, "soft-tokens-max-unit", 48, 289 * 48 },
    { 480, 360, 280, "soft-tokens-max-unit", 912, 672 },
    { 480, 360, 280, "resize-square", 768, 768 },
    { 480, 360, 70, "resize-square", 384, 384 },
    { 480, 360, 1120, "resize-square", 1584, 1584 },
    { 480, 360, 280, "resize-keeps-size", 480, 336 },
    { 30, 100, 280, "resize-keeps-size", 48, 96 },
    { 4800, 3600, 70, "resize-keeps-size", 432, 336 },
};

START_TEST(sizes_of_bugs)
{
    Pictures *pictures = one_photo(4, 4, sizes[_i].max_soft_tokens);
    pictures->pictures[0].width = sizes[_i].width; /* only its size is asked for */
    pictures->pictures[0].height = sizes[_i].height;
    ImageSize size = size_in_pixels(pictures, 0, bug_find(sizes[_i].bug)->target_size);
    ck_assert_int_eq(size.width, sizes[_i].new_width);
    ck_assert_int_eq(size.height, sizes[_i].new_height);
}
END_TEST

/* In a letterbox a picture of two colours keeps them within, and has black rows or columns around it. */
START_TEST(letterbox_has_bars)
{
    Pictures *pictures = one_photo(100, 30, 70);
    memset(pictures->pictures[0].pixels, 255, 3 * 100 * 30);
    ck_assert(has_bars(pictures));
    ImageSize size = size_in_pixels(pictures, 0, NULL);
    for (int exact = 0; exact < 2; exact++) {
        const Resampling *bilinear = bug_find("resize-bilinear")->resamplings;
        Preprocessing how = { .letterbox = true, .resampling = exact ? bilinear : NULL };
        Patches patches = preprocess(pictures, &how, &scratch);
        const float *values = (const float *)patches.pixel_values.data;
        int64_t count = (int64_t)size.width * size.height * 3, white = 0;
        for (int64_t i = 0; i < count; i++) {
            ck_assert(values[i] == 0 || fabsf(values[i] - 1) < 1e-6f);
            white += values[i] != 0;
        }
        double scale = fmin(size.width / 100.0, size.height / 30.0);
        ck_assert_int_eq(white, 3 * (int64_t)(ceil(100 * scale - 1e-9) * ceil(30 * scale - 1e-9)));
        ck_assert_int_lt(white, count);
    }
}
END_TEST

/* A grid of 3 x 2 patches, by hand */
START_TEST(layouts_of_bugs)
{
    static const int64_t swapped[] = { 0, 0, 0, 1, 0, 2, 1, 0, 1, 1, 1, 2, -1, -1 };
    static const int64_t columns[] = { 0, 0, 0, 1, 1, 0, 1, 1, 2, 0, 2, 1, -1, -1 };
    int64_t right[] = { 0, 0, 1, 0, 2, 0, 0, 1, 1, 1, 2, 1, -1, -1 };
    float values[7 * 12];
    for (int i = 0; i < COUNT(values); i++) values[i] = (float)i;
    Patches honest = { { .dtype = DTYPE_F32, .rank = 3, .shape = { 1, 7, 12 }, .data = (unsigned char *)values },
                       { .dtype = DTYPE_I64, .rank = 3, .shape = { 1, 7, 2 }, .data = (unsigned char *)right } };
    Patches patches = honest;
    bug_find("vision-xy-swapped")->patches(&patches, &scratch);
    ck_assert_mem_eq(patches.image_position_ids.data, swapped, sizeof swapped);
    ck_assert_ptr_eq(patches.pixel_values.data, values);
    patches = honest;
    bug_find("vision-grid-column-major")->patches(&patches, &scratch);
    ck_assert_mem_eq(patches.image_position_ids.data, columns, sizeof columns);
    patches = honest;
    bug_find("patch-feature-order")->patches(&patches, &scratch);
    static const float order[] = { 12, 15, 18, 21, 13, 16, 19, 22, 14, 17, 20, 23 }; /* (y, x, c) to (c, y, x) */
    ck_assert_mem_eq(patches.pixel_values.data + 12 * sizeof(float), order, sizeof order);
    patches = honest;
    bug_find("pixels-all-zero")->patches(&patches, &scratch);
    ck_assert(((const float *)patches.pixel_values.data)[5] == 0 && values[5] == 5);
    ck_assert_ptr_eq(patches.image_position_ids.data, right);
}
END_TEST

/* ---------------------------------------------------------------- refusals */

static const struct {
    const char *config, *image, *says;
} refused[] = {
    { "{\"model_type\": \"gemma4_unified\"}", PLUMB_PNG, "model_type: found gemma4_unified, expected gemma4" },
    { "{\"model_type\": \"gemma4\"}", "absent.png", "absent.png: " },
    { "{\"model_type\": \"gemma4\"}", E2B "/case.json", E2B "/case.json: " },
};

START_TEST(refusals)
{
    Error error = { "" };
    const char *paths[] = { refused[_i].image };
    write_text(temporary("config.json"), refused[_i].config);
    ck_assert_ptr_null(pictures_open(temporary_folder(), &(ProcessorRequest){ .images = { paths, 1 } }, &error));
    ck_assert_msg(strstr(error.message, refused[_i].says) != NULL, "%s", error.message);
}
END_TEST

static const struct {
    const char *ids[2], *says;
} together[] = {
    { { "resize-square", "soft-tokens-max-unit" }, "found soft-tokens-max-unit too, expected one bug of size" },
    { { "resize-bilinear", "resize-no-antialias" }, "found resize-no-antialias too, expected one bug of resampling" },
    { { "resize-bilinear", "gelu-exact" }, "found gelu-exact, expected a bug of preprocessing" },
};

START_TEST(bugs_that_exclude_each_other)
{
    Error error = { "" };
    const Bug *bugs[] = { bug_find(together[_i].ids[0]), bug_find(together[_i].ids[1]) };
    preprocess_with_bugs(one_photo(30, 20, 70), bugs, 2, &scratch, &error);
    ck_assert_msg(strstr(error.message, together[_i].says) != NULL, "%s", error.message);
}
END_TEST

Suite *preprocessing_suite(void)
{
    Suite *suite = suite_create("preprocessing");
    TCase *right = theme(suite, "right"), *wrong = theme(suite, "wrong");
    tcase_add_loop_test(right, as_hugging_face, 0, 2);
    tcase_add_test(right, settings_are_followed);
    tcase_add_test(right, nothing_is_resized_where_settings_say_so);
    tcase_add_loop_test(wrong, sizes_of_bugs, 0, COUNT(sizes));
    tcase_add_test(wrong, letterbox_has_bars);
    tcase_add_test(wrong, layouts_of_bugs);
    tcase_add_loop_test(wrong, refusals, 0, COUNT(refused));
    tcase_add_loop_test(wrong, bugs_that_exclude_each_other, 0, COUNT(together));
    return suite;
}
