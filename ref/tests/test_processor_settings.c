/* test_processor_settings.c - which file counts, which settings are followed, which are refused */
#include "image/image_processor.h"
#include "pictures.h"

static Gemma4ImageProcessor load(bool video, int max_soft_tokens)
{
    Error error = { "" };
    Gemma4ImageProcessor p;
    if (video)
        gemma4_video_processor_load(&p, temporary_folder(), max_soft_tokens, &error);
    else
        gemma4_image_processor_load(&p, temporary_folder(), RESIZE_PIL, max_soft_tokens, &error);
    assert_clean(&error);
    return p;
}

START_TEST(defaults)
{
    Gemma4ImageProcessor image = load(false, 0), video = load(true, 0);
    ck_assert(image.do_resize && image.do_rescale && !image.do_normalize);
    ck_assert_int_eq(image.patch_size, 16);
    ck_assert_int_eq(image.max_soft_tokens, 280);
    ck_assert_int_eq(image.pooling_kernel_size, 3);
    ck_assert_int_eq(image.flavour, RESIZE_PIL);
    ck_assert_double_eq(image.rescale_factor, 1.0 / 255);
    for (int c = 0; c < 3; c++) ck_assert(image.image_mean[c] == 0 && image.image_std[c] == 1);
    ck_assert(video.do_resize && video.do_rescale && video.do_normalize);
    ck_assert_int_eq(video.max_soft_tokens, 70);
    ck_assert_int_eq(video.flavour, RESIZE_TORCHVISION);
    ck_assert_int_eq(load(false, 560).max_soft_tokens, 560);
    ck_assert_int_eq(load(true, 140).max_soft_tokens, 140);
}
END_TEST

/* Files that are there; the patch_size that images and videos then have: 1 nested, 2 videos' own, 3 images', 16 none */
static const struct {
    bool nested_image, nested_video, video, image;
    int images, videos;
} files[] = {
    { true, true, true, true, 1, 1 },     { true, false, true, true, 1, 2 },   { false, true, true, true, 3, 1 },
    { false, false, true, true, 3, 2 },   { false, false, false, true, 3, 3 }, { false, false, true, false, 16, 2 },
    { true, false, false, false, 1, 16 }, { true, false, false, true, 1, 3 },
};

START_TEST(which_file)
{
    write_text(temporary("processor_config.json"),
               arena_format(&scratch, "{\"processor_class\": \"Gemma4Processor\"%s%s}",
                            files[_i].nested_image ? ", \"image_processor\": {\"patch_size\": 1}" : "",
                            files[_i].nested_video ? ", \"video_processor\": {\"patch_size\": 1}" : ""));
    if (files[_i].video) write_text(temporary("video_preprocessor_config.json"), "{\"patch_size\": 2}");
    if (files[_i].image) write_text(temporary("preprocessor_config.json"), "{\"patch_size\": 3}");
    ck_assert_int_eq(load(false, 0).patch_size, files[_i].images);
    ck_assert_int_eq(load(true, 0).patch_size, files[_i].videos);
}
END_TEST

START_TEST(every_setting)
{
    write_text(temporary("preprocessor_config.json"),
               "{\"do_resize\": false, \"do_rescale\": false, \"do_normalize\": true, \"rescale_factor\": 0.5,"
               " \"image_mean\": [1, 2.5, 3], \"image_std\": 4, \"patch_size\": 14, \"pooling_kernel_size\": 2,"
               " \"max_soft_tokens\": 1120, \"resample\": 3, \"do_convert_rgb\": true, \"do_center_crop\": false,"
               " \"image_processor_type\": \"Gemma4ImageProcessorFast\", \"size\": null, \"unknown\": 1}");
    Gemma4ImageProcessor p = load(false, 0);
    ck_assert(!p.do_resize && !p.do_rescale && p.do_normalize);
    ck_assert_double_eq(p.rescale_factor, 0.5);
    ck_assert_double_eq(p.image_mean[1], 2.5);
    ck_assert_double_eq(p.image_mean[2], 3);
    for (int c = 0; c < 3; c++) ck_assert_double_eq(p.image_std[c], 4);
    ck_assert_int_eq(p.patch_size, 14);
    ck_assert_int_eq(p.pooling_kernel_size, 2);
    ck_assert_int_eq(p.max_soft_tokens, 1120);
}
END_TEST

START_TEST(null_is_the_default)
{
    write_text(temporary("preprocessor_config.json"),
               "{\"do_resize\": null, \"do_rescale\": null, \"do_normalize\": null, \"rescale_factor\": null,"
               " \"image_mean\": null, \"image_std\": null, \"patch_size\": null, \"pooling_kernel_size\": null,"
               " \"max_soft_tokens\": null, \"resample\": null, \"do_convert_rgb\": null}");
    Gemma4ImageProcessor p = load(false, 0);
    ck_assert(p.do_resize && p.do_rescale && !p.do_normalize);
    ck_assert_int_eq(p.patch_size, 16);
    ck_assert_double_eq(p.image_std[2], 1);
}
END_TEST

static const struct {
    const char *settings, *says;
} refused[] = {
    { "\"resample\": 2", "resample: found 2, expected 3, which is bicubic" },
    { "\"do_convert_rgb\": false", "do_convert_rgb: found false, expected true" },
    { "\"do_center_crop\": true", "do_center_crop: found true, expected false" },
    { "\"do_rescale\": false", "do_rescale: found false, as do_normalize is, expected one of them true" },
    { "\"max_soft_tokens\": 100", "max_soft_tokens: found 100, expected one of 70, 140, 280, 560, 1120" },
    { "\"max_soft_tokens\": 0", "max_soft_tokens: found 0, expected" },
    { "\"patch_size\": 0", "patch_size: found 0, expected" },
    { "\"patch_size\": 1025", "patch_size: found 1025, expected a whole number from 1 to 1024" },
    { "\"pooling_kernel_size\": 1025", "pooling_kernel_size: found 1025, expected a whole number from 1 to 16" },
    { "\"image_mean\": [1, 2]", "image_mean: found something else, expected a number or a list of three" },
    { "\"image_mean\": [1, 2, \"3\"]", "image_mean: found something else, expected a number or a list of three" },
    { "\"image_std\": \"one\"", "image_std: found something else, expected a number or a list of three" },
    { "\"do_normalize\": true, \"image_std\": [1, 0, 1]", "image_std: found 0, expected another number" },
    { "\"do_normalize\": true, \"rescale_factor\": 0", "rescale_factor: found 0, expected another number" },
    { "\"rescale_factor\": \"1/255\"", "rescale_factor: found \"1/255\", expected a number" },
    { "\"do_resize\": 1", "do_resize: found 1, expected true or false" },
    { "\"image_processor_type\": \"Gemma4UnifiedImageProcessor\"",
      "image_processor_type: found Gemma4UnifiedImageProcessor, expected Gemma4ImageProcessor" },
    { "\"image_processor_type\": \"Gemma4ImageProcessorX\"",
      "image_processor_type: found Gemma4ImageProcessorX, expected" },
    { "\"video_processor_type\": \"Other\"", "video_processor_type: found Other, expected Gemma4VideoProcessor" },
};

START_TEST(refused_setting)
{
    for (int nested = 0; nested < 2; nested++) {
        Error error = { "" };
        Gemma4ImageProcessor p;
        const char *file = temporary(nested ? "processor_config.json" : "preprocessor_config.json");
        write_text(file, arena_format(&scratch, nested ? "{\"image_processor\": {%s}}" : "{%s}", refused[_i].settings));
        gemma4_image_processor_load(&p, temporary_folder(), RESIZE_TORCHVISION, 0, &error);
        assert_refused(&error, file,
                       arena_format(&scratch, ": %s%s", nested ? "image_processor." : "", refused[_i].says));
    }
}
END_TEST

/* The unified family has the same settings, and classes of other names. */
START_TEST(unified)
{
    Error error = { "" };
    Gemma4ImageProcessor image, video;
    write_text(temporary("processor_config.json"),
               "{\"image_processor\": {\"image_processor_type\": \"Gemma4UnifiedImageProcessor\", \"patch_size\": 14},"
               " \"video_processor\": {\"video_processor_type\": \"Gemma4UnifiedVideoProcessor\", \"patch_size\": 7}}");
    gemma4_unified_image_processor_load(&image, temporary_folder(), RESIZE_TORCHVISION, 0, &error);
    gemma4_unified_video_processor_load(&video, temporary_folder(), 140, &error);
    assert_clean(&error);
    ck_assert(image.patch_size == 14 && image.max_soft_tokens == 280 && !image.do_normalize);
    ck_assert(video.patch_size == 7 && video.max_soft_tokens == 140 && video.do_normalize);

    gemma4_unified_image_processor_load(&image, temporary_folder(), RESIZE_PIL, 0, &error);
    assert_refused(&error, "--resize", ": found pil, expected torchvision: Hugging Face has no other");
    error = (Error){ "" };
    write_text(temporary("processor_config.json"),
               "{\"image_processor\": {\"image_processor_type\": \"Gemma4ImageProcessor\"}}");
    gemma4_unified_image_processor_load(&image, temporary_folder(), RESIZE_TORCHVISION, 0, &error);
    assert_refused(&error, temporary("processor_config.json"),
                   "found Gemma4ImageProcessor, expected Gemma4UnifiedImageProcessor");
}
END_TEST

START_TEST(bad_file)
{
    Error error = { "" };
    Gemma4ImageProcessor p;
    write_text(temporary("processor_config.json"), "{\"image_processor\": 3}");
    gemma4_image_processor_load(&p, temporary_folder(), RESIZE_TORCHVISION, 0, &error);
    assert_refused(&error, temporary("processor_config.json"), ": image_processor: found 3, expected an object");
    error = (Error){ "" };
    write_text(temporary("processor_config.json"), "{");
    gemma4_video_processor_load(&p, temporary_folder(), 0, &error);
    assert_refused(&error, temporary("processor_config.json"), ": found invalid JSON");
}
END_TEST

START_TEST(budgets)
{
    static const int none[] = { -70, 0, 1, 69, 71, 256, 1121 };
    static const int some[] = { 70, 140, 280, 560, 1120 };
    for (int i = 0; i < COUNT(none); i++) ck_assert(!is_supported_soft_tokens(none[i]));
    for (int i = 0; i < COUNT(some); i++) ck_assert(is_supported_soft_tokens(some[i]));
}
END_TEST

Suite *processor_settings_suite(void)
{
    Suite *suite = suite_create("processor_settings");
    TCase *tcase = theme(suite, "followed");
    tcase_add_test(tcase, defaults);
    tcase_add_loop_test(tcase, which_file, 0, COUNT(files));
    tcase_add_test(tcase, every_setting);
    tcase_add_test(tcase, null_is_the_default);
    tcase_add_test(tcase, unified);
    tcase_add_test(tcase, budgets);
    tcase = theme(suite, "refused");
    tcase_add_loop_test(tcase, refused_setting, 0, COUNT(refused));
    tcase_add_test(tcase, bad_file);
    return suite;
}
