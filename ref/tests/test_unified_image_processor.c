/* test_unified_image_processor.c - a picture to merged patches and positions */
#include "image/image_processor.h"

#include "image/png.h"
#include "pictures.h"

static ImageFeatures preprocess(Gemma4ImageProcessor p, Picture picture)
{
    Error error = { "" };
    ImageFeatures features = gemma4_unified_image_preprocess(&p, picture, "a.png", &scratch, &error);
    assert_clean(&error);
    return features;
}

/* The fixture's picture, resized, against Hugging Face: fixtures/image/expected.json */
START_TEST(as_hugging_face)
{
    Error error = { "" };
    const json_t *unified = json_object_get(expected_images(), "unified"),
                 *row = json_array_get(json_object_get(unified, "preprocess"), (size_t)_i);
    Gemma4ImageProcessor p;
    gemma4_unified_image_processor_load(&p, temporary_folder(), RESIZE_TORCHVISION,
                                        (int)json_integer_value(json_object_get(row, "max_soft_tokens")), &error);
    Picture picture = picture_load_png(IMAGES "/plumb.png", (PngOptions){ .max_pixels = 0 }, &scratch, &error);
    assert_clean(&error);
    ImageFeatures f = preprocess(p, picture);
    ck_assert_int_eq(f.length, p.max_soft_tokens);
    ck_assert_int_eq(f.side, 48);
    assert_features(&f, row);
}
END_TEST

/* 8 x 4 pixels are two patches of 4 x 4; the third is padding. */
START_TEST(order_and_padding)
{
    static const int64_t positions[] = { 0, 0, 1, 0, -1, -1 };
    Picture picture = random_picture(8, 4);
    ImageFeatures f = preprocess(plain_processor, picture);
    ck_assert(f.columns == 2 && f.rows == 1 && f.length == 3 && f.soft_tokens == 2);
    for (int i = 0; i < 96; i++) {
        int y = i % 48 / 12, x = i / 48 * 4 + i % 12 / 3;
        float expected = (float)picture.pixels[(y * 8 + x) * 3 + i % 3] * (float)(1.0 / 255);
        ck_assert_float_eq(f.pixel_values[i], expected);
    }
    for (int i = 96; i < 144; i++) ck_assert_float_eq(f.pixel_values[i], 0);
    for (int i = 0; i < 6; i++) ck_assert_int_eq(f.position_ids[i], positions[i]);
}
END_TEST

/* Without a resize there may be more soft tokens than the budget, but no half ones. */
START_TEST(no_resize)
{
    Error error = { "" };
    ImageFeatures f = preprocess(plain_processor, random_picture(8, 12));
    ck_assert(f.length == 6 && f.soft_tokens == 6);
    ck_assert_int_eq(f.position_ids[11], 2);
    gemma4_unified_image_preprocess(&plain_processor, random_picture(8, 6), "a.png", &scratch, &error);
    assert_refused(&error, "a.png",
                   ": found 8 x 6 pixels, expected multiples of a soft token's side 4, as do_resize is false");
}
END_TEST

Suite *unified_image_processor_suite(void)
{
    Suite *suite = suite_create("unified_image_processor");
    TCase *tcase = theme(suite, "whole");
    tcase_add_loop_test(tcase, as_hugging_face, 0, 3);
    tcase = theme(suite, "steps");
    tcase_add_test(tcase, order_and_padding);
    tcase_add_test(tcase, no_resize);
    return suite;
}
