/* test_get_aspect_ratio_preserving_size.c - sizes are Hugging Face's (transformers 5.23.0) */
#include "image/image_processor.h"
#include "pictures.h"

static const struct {
    int height, width, max_soft_tokens, target_height, target_width;
} sizes[] = {
    { 3000, 4000, 280, 672, 912 }, { 3000, 4000, 70, 336, 432 }, { 3000, 4000, 1120, 1344, 1824 },
    { 1, 1, 280, 768, 768 },       { 1, 1, 70, 384, 384 },       { 672, 960, 280, 672, 960 },
    { 671, 960, 280, 624, 960 },   { 768, 768, 280, 768, 768 },  { 16, 16000, 280, 48, 13440 },
    { 3, 900, 280, 48, 13440 },    { 900, 3, 280, 13440, 48 },   { 1, 3000, 70, 48, 3360 },
    { 3000, 1, 560, 26880, 48 },   { 2, 100, 280, 96, 5664 },    { 5, 360, 70, 48, 3360 },
    { 1, 79, 280, 48, 7104 },      { 79, 1, 280, 7104, 48 },     { 1, 281, 280, 48, 13440 },
    { 281, 1, 280, 13440, 48 },    { 33, 2400, 140, 48, 4800 },
};

START_TEST(size)
{
    Error error = { "" };
    Gemma4ImageProcessor p = { .patch_size = 16,
                               .max_soft_tokens = sizes[_i].max_soft_tokens,
                               .pooling_kernel_size = 3 };
    ImageSize target = get_aspect_ratio_preserving_size(&p, (ImageSize){ sizes[_i].height, sizes[_i].width }, "a.png",
                                                        &error);
    assert_clean(&error);
    ck_assert_int_eq(target.height, sizes[_i].target_height);
    ck_assert_int_eq(target.width, sizes[_i].target_width);
}
END_TEST

/* Neither can happen with a budget of Hugging Face's, whose soft tokens are always some rows. */
START_TEST(refused)
{
    Error error = { "" };
    Gemma4ImageProcessor p = { .patch_size = 16, .max_soft_tokens = 0, .pooling_kernel_size = 3 };
    get_aspect_ratio_preserving_size(&p, (ImageSize){ 20, 10 }, "a.png", &error);
    assert_refused(&error, "a.png", ": found 10 x 20 pixels, which become 0 x 0; expected sides of 48 or more");
}
END_TEST

Suite *get_aspect_ratio_preserving_size_suite(void)
{
    Suite *suite = suite_create("get_aspect_ratio_preserving_size");
    TCase *tcase = theme(suite, "sizes");
    tcase_add_loop_test(tcase, size, 0, COUNT(sizes));
    tcase_add_test(tcase, refused);
    return suite;
}
