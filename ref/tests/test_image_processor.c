/* test_image_processor.c - a picture to patches and positions */
#include "image/image_processor.h"

#include "image/png.h"
#include "pictures.h"

static ImageFeatures preprocess(Gemma4ImageProcessor p, Picture picture)
{
    Error error = { "" };
    ImageFeatures features = gemma4_image_preprocess(&p, picture, "a.png", &scratch, &error);
    assert_clean(&error);
    return features;
}

static const char *const flavours[] = { "torchvision", "pil" };

/* The fixture's picture, resized, against Hugging Face: fixtures/image/expected.json */
START_TEST(as_hugging_face)
{
    Error error = { "" };
    const json_t *row = json_array_get(json_object_get(expected_images(), "preprocess"), (size_t)_i);
    bool pil = strcmp(json_string_value(json_object_get(row, "flavour")), flavours[1]) == 0;
    Gemma4ImageProcessor p;
    gemma4_image_processor_load(&p, temporary_folder(), pil ? RESIZE_PIL : RESIZE_TORCHVISION,
                                (int)json_integer_value(json_object_get(row, "max_soft_tokens")), &error);
    Picture picture = picture_load_png(IMAGES "/plumb.png", (PngOptions){ .max_pixels = 0 }, &scratch, &error);
    assert_clean(&error);
    ImageFeatures f = preprocess(p, picture);
    ck_assert_int_eq(f.length, (int64_t)p.max_soft_tokens * 9);
    assert_features(&f, row);
}
END_TEST

/* 4 x 2 pixels are two patches of (row, column, channel); ten of the twelve are padding. */
START_TEST(order_in_patches)
{
    static const unsigned char first[] = { 0, 1, 2, 3, 4, 5, 12, 13, 14, 15, 16, 17 };
    unsigned char pixels[24];
    for (int i = 0; i < 24; i++) pixels[i] = (unsigned char)i;
    ImageFeatures f = preprocess(plain_processor, picture_of(4, 2, pixels));
    ck_assert_int_eq(f.columns, 2);
    ck_assert_int_eq(f.rows, 1);
    ck_assert_int_eq(f.length, 12);
    ck_assert_int_eq(f.soft_tokens, 0);
    for (int i = 0; i < 12; i++) {
        ck_assert_float_eq(f.pixel_values[i], (float)first[i] * (1.0f / 255));
        ck_assert_float_eq(f.pixel_values[12 + i], (float)(first[i] + 6) * (1.0f / 255));
    }
    for (int i = 24; i < 144; i++) ck_assert_float_eq(f.pixel_values[i], 0);
}
END_TEST

START_TEST(positions)
{
    ImageFeatures f = { .columns = 3, .rows = 2, .length = 8 };
    static const int64_t expected[] = { 0, 0, 1, 0, 2, 0, 0, 1, 1, 1, 2, 1, -1, -1, -1, -1 };
    int64_t found[16];
    gemma4_image_position_ids(&f, found);
    for (int i = 0; i < 16; i++) ck_assert_int_eq(found[i], expected[i]);
}
END_TEST

/* The backends round in different places: level times float(1 / 255), or level / 255 to the nearest float. */
START_TEST(rescaled_values)
{
    int differ = 0;
    for (int level = 0; level < 256; level++) {
        unsigned char pixels[12];
        memset(pixels, level, 12);
        Gemma4ImageProcessor p = plain_processor;
        float torchvision = *preprocess(p, picture_of(2, 2, pixels)).pixel_values;
        p.flavour = RESIZE_PIL;
        float pil = *preprocess(p, picture_of(2, 2, pixels)).pixel_values;
        ck_assert_float_eq(torchvision, (float)level * (float)(1.0 / 255));
        ck_assert_float_eq(pil, (float)(level * (1.0 / 255)));
        differ += torchvision != pil;
    }
    ck_assert_int_gt(differ, 0);
}
END_TEST

START_TEST(normalized_values)
{
    static const unsigned char pixels[12] = { 201, 201, 201, 201, 201, 201, 201, 201, 201, 201, 201, 201 };
    Gemma4ImageProcessor p = plain_processor;
    p.do_normalize = true;
    for (int c = 0; c < 3; c++) {
        p.image_mean[c] = 0.1 * (c + 1);
        p.image_std[c] = 0.3 + 0.1 * c;
    }
    for (int rescale = 0; rescale < 2; rescale++)
        for (int flavour = 0; flavour < 2; flavour++) {
            p.do_rescale = rescale;
            p.flavour = (ResizeFlavour)flavour;
            const float *found = preprocess(p, picture_of(2, 2, pixels)).pixel_values;
            for (int c = 0; c < 3; c++) {
                float mean = (float)p.image_mean[c], std = (float)p.image_std[c], level = 201,
                      back = (float)(1 / p.rescale_factor);
                float expected = (level - mean) / std;
                if (rescale && flavour == RESIZE_PIL) expected = ((float)(201 * p.rescale_factor) - mean) / std;
                if (rescale && flavour == RESIZE_TORCHVISION) expected = (level - mean * back) / (std * back);
                ck_assert_float_eq(found[c], expected);
            }
        }
}
END_TEST

/* Without a resize a picture may hold more patches than the budget, but no half ones. */
START_TEST(no_resize)
{
    Error error = { "" };
    ImageFeatures f = preprocess(plain_processor, random_picture(10, 6));
    ck_assert_int_eq(f.length, 15);
    ck_assert_int_eq(f.soft_tokens, 3);
    gemma4_image_preprocess(&plain_processor, random_picture(10, 5), "a.png", &scratch, &error);
    assert_refused(&error, "a.png", ": found 10 x 5 pixels, expected multiples of patch_size 2, as do_resize is false");
    error = (Error){ "" };
    gemma4_image_preprocess(&plain_processor, random_picture(9, 6), "a.png", &scratch, &error);
    assert_refused(&error, "a.png", ": found 9 x 6 pixels, expected multiples of patch_size 2");
}
END_TEST

Suite *image_processor_suite(void)
{
    Suite *suite = suite_create("image_processor");
    TCase *tcase = theme(suite, "whole");
    tcase_add_loop_test(tcase, as_hugging_face, 0, 6);
    tcase = theme(suite, "steps");
    tcase_add_test(tcase, order_in_patches);
    tcase_add_test(tcase, positions);
    tcase_add_test(tcase, rescaled_values);
    tcase_add_test(tcase, normalized_values);
    tcase_add_test(tcase, no_resize);
    return suite;
}
