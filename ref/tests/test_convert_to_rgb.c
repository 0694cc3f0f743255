/* test_convert_to_rgb.c - what each kind of sample becomes; values are Hugging Face's */
#include "image/convert_to_rgb.h"

#include "pictures.h"

/* One pixel; length of tRNS -1: without. Palette entry i is (10 i, 20 i, 30 i) in the pixel of an index. */
static const struct {
    PngColor color;
    int depth, length;
    unsigned char transparency[8], sample[8], opened[3], dropped[3];
} pixels[] = {
    { PNG_GRAY, 1, -1, { 0 }, { 1 }, { 255, 255, 255 }, { 255, 255, 255 } },
    { PNG_GRAY, 1, 2, { 0, 0 }, { 0 }, { 255, 255, 255 }, { 0, 0, 0 } },
    { PNG_GRAY, 1, 2, { 0, 1 }, { 0 }, { 0, 0, 0 }, { 0, 0, 0 } },
    { PNG_GRAY, 1, 2, { 1, 0 }, { 0 }, { 0, 0, 0 }, { 0, 0, 0 } },
    { PNG_GRAY, 2, -1, { 0 }, { 2 }, { 170, 170, 170 }, { 170, 170, 170 } },
    { PNG_GRAY, 4, -1, { 0 }, { 2 }, { 34, 34, 34 }, { 34, 34, 34 } },
    { PNG_GRAY, 4, 2, { 0, 2 }, { 2 }, { 34, 34, 34 }, { 34, 34, 34 } }, /* tRNS is compared with 34 */
    { PNG_GRAY, 4, 2, { 0, 34 }, { 2 }, { 255, 255, 255 }, { 34, 34, 34 } },
    { PNG_GRAY, 8, 2, { 0, 100 }, { 100 }, { 255, 255, 255 }, { 100, 100, 100 } },
    { PNG_GRAY, 8, 2, { 1, 100 }, { 100 }, { 255, 255, 255 }, { 100, 100, 100 } }, /* by its lower byte */
    { PNG_GRAY, 8, 2, { 0, 99 }, { 100 }, { 100, 100, 100 }, { 100, 100, 100 } },
    { PNG_GRAY, 16, -1, { 0 }, { 0, 200 }, { 200, 200, 200 }, { 200, 200, 200 } },
    { PNG_GRAY, 16, -1, { 0 }, { 1, 44 }, { 255, 255, 255 }, { 255, 255, 255 } }, /* 300 is white */
    { PNG_GRAY, 16, 2, { 1, 44 }, { 0, 44 }, { 255, 255, 255 }, { 44, 44, 44 } },
    { PNG_RGB, 8, -1, { 0 }, { 1, 2, 3 }, { 1, 2, 3 }, { 1, 2, 3 } },
    { PNG_RGB, 8, 6, { 0, 1, 0, 2, 0, 3 }, { 1, 2, 3 }, { 255, 255, 255 }, { 1, 2, 3 } },
    { PNG_RGB, 8, 6, { 0, 1, 0, 2, 0, 4 }, { 1, 2, 3 }, { 1, 2, 3 }, { 1, 2, 3 } },
    { PNG_RGB, 8, 6, { 0, 1, 0, 3, 0, 3 }, { 1, 2, 3 }, { 1, 2, 3 }, { 1, 2, 3 } },
    { PNG_RGB, 8, 6, { 0, 2, 0, 2, 0, 3 }, { 1, 2, 3 }, { 1, 2, 3 }, { 1, 2, 3 } },
    { PNG_RGB, 16, -1, { 0 }, { 9, 255, 8, 255, 7, 255 }, { 9, 8, 7 }, { 9, 8, 7 } },
    { PNG_RGB, 16, 6, { 4, 3, 5, 2, 6, 255 }, { 4, 3, 5, 2, 6, 255 }, { 4, 5, 6 }, { 4, 5, 6 } },
    { PNG_RGB, 16, 6, { 4, 3, 5, 2, 6, 255 }, { 3, 0, 2, 0, 255, 0 }, { 255, 255, 255 }, { 3, 2, 255 } },
    { PNG_GRAY_ALPHA, 8, -1, { 0 }, { 4, 128 }, { 129, 129, 129 }, { 4, 4, 4 } },
    { PNG_GRAY_ALPHA, 8, 2, { 0, 4 }, { 4, 255 }, { 4, 4, 4 }, { 4, 4, 4 } }, /* tRNS is not for these */
    { PNG_GRAY_ALPHA, 16, -1, { 0 }, { 18, 52, 128, 255 }, { 136, 136, 136 }, { 18, 18, 18 } },
    { PNG_RGB_ALPHA, 8, -1, { 0 }, { 4, 5, 6, 128 }, { 129, 130, 130 }, { 4, 5, 6 } },
    { PNG_RGB_ALPHA, 8, -1, { 0 }, { 255, 2, 3, 1 }, { 255, 254, 254 }, { 255, 2, 3 } },
    { PNG_RGB_ALPHA, 8, -1, { 0 }, { 1, 2, 3, 0 }, { 255, 255, 255 }, { 1, 2, 3 } },
    { PNG_RGB_ALPHA, 16, -1, { 0 }, { 18, 52, 86, 120, 154, 188, 128, 1 }, { 136, 170, 204 }, { 18, 86, 154 } },
    { PNG_INDEX, 8, -1, { 0 }, { 2 }, { 20, 40, 60 }, { 20, 40, 60 } },
    { PNG_INDEX, 8, 3, { 255, 255, 0 }, { 2 }, { 255, 255, 255 }, { 20, 40, 60 } },
    { PNG_INDEX, 8, 3, { 255, 255, 128 }, { 2 }, { 137, 147, 157 }, { 20, 40, 60 } },
    { PNG_INDEX, 8, 2, { 0, 0 }, { 2 }, { 20, 40, 60 }, { 20, 40, 60 } },
    { PNG_INDEX, 2, 0, { 0 }, { 2 }, { 20, 40, 60 }, { 20, 40, 60 } },
    { PNG_INDEX, 8, 3, { 0, 255, 10 }, { 2 }, { 20, 40, 60 }, { 20, 40, 60 } },  /* the end of Pillow's list */
    { PNG_INDEX, 8, 3, { 0, 0, 10 }, { 2 }, { 246, 247, 247 }, { 20, 40, 60 } }, /* two zeros: no such list */
    { PNG_INDEX, 8, 3, { 0, 254, 10 }, { 2 }, { 246, 247, 247 }, { 20, 40, 60 } },
    { PNG_INDEX, 8, 3, { 255, 255, 10 }, { 2 }, { 246, 247, 247 }, { 20, 40, 60 } },
    { PNG_INDEX, 8, 3, { 0, 255, 11 }, { 2 }, { 245, 246, 247 }, { 20, 40, 60 } },
};

static PngFormat format_of(PngColor color, int depth, AlphaRule alpha)
{
    PngFormat format = { .color = color, .depth = depth, .alpha = alpha, .transparency_length = -1 };
    for (int i = 0; i < 8; i++)
        for (int c = 0; c < 3; c++) format.palette[i][c] = (unsigned char)(10 * (c + 1) * i);
    return format;
}

/* Three times the pixel, so that steps from pixel to pixel show */
START_TEST(pixel)
{
    for (int alpha = ALPHA_OVER_WHITE; alpha <= ALPHA_DROPPED; alpha++) {
        PngFormat format = format_of(pixels[_i].color, pixels[_i].depth, (AlphaRule)alpha);
        const unsigned char *expected = alpha == ALPHA_DROPPED ? pixels[_i].dropped : pixels[_i].opened;
        size_t size = (size_t)(png_channels(format.color) * (format.depth == 16 ? 2 : 1));
        unsigned char samples[24], rgb[9];
        for (int i = 0; i < 3; i++) memcpy(samples + (size_t)i * size, pixels[_i].sample, size);
        memcpy(format.transparency, pixels[_i].transparency, 8);
        format.transparency_length = pixels[_i].length;
        convert_to_rgb_begin(&format);
        convert_to_rgb(&format, samples, 3, rgb);
        for (int i = 0; i < 9; i++)
            ck_assert_msg(rgb[i] == expected[i % 3], "alpha rule %d: found (%d, %d, %d), expected (%d, %d, %d)", alpha,
                          rgb[0], rgb[1], rgb[2], expected[0], expected[1], expected[2]);
    }
}
END_TEST

/* Nothing over white is white, everything is itself, and no mixture is off by more than a level. */
START_TEST(every_alpha)
{
    PngFormat format = format_of(PNG_GRAY_ALPHA, 8, ALPHA_OVER_WHITE);
    convert_to_rgb_begin(&format);
    for (int level = 0; level < 256; level++)
        for (int alpha = 0; alpha < 256; alpha++) {
            unsigned char samples[] = { (unsigned char)level, (unsigned char)alpha }, rgb[3];
            double exact = (level * alpha + 255 * (255 - alpha)) / 255.0;
            convert_to_rgb(&format, samples, 1, rgb);
            assert_near(rgb[0], exact, 0.5 + 1e-9, "level", level * 256 + alpha);
        }
}
END_TEST

Suite *convert_to_rgb_suite(void)
{
    Suite *suite = suite_create("convert_to_rgb");
    TCase *tcase = theme(suite, "pixels");
    tcase_add_loop_test(tcase, pixel, 0, COUNT(pixels));
    tcase_add_test(tcase, every_alpha);
    return suite;
}
