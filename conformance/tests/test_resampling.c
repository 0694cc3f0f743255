/* test_resampling.c - against ref/image's two integer resizers, and by hand */
#include "pictures/resampling.h"

#include "image/resize.h"
#include "photos.h"

static const Resampling bicubic = { kernel_bicubic, 2, true, false, FINISH_CUT, false };

static double furthest(Levels levels, Picture picture)
{
    double most = 0;
    for (size_t i = 0; i < picture_row(picture) * (size_t)picture.height; i++)
        most = fmax(most, fabs(levels.values[i] - picture.pixels[i]));
    return most;
}

static const struct {
    int width, height, new_width, new_height;
} sizes[] = { { 200, 150, 61, 47 }, { 60, 45, 192, 144 }, { 100, 30, 48, 96 }, { 7, 5, 48, 48 }, { 90, 60, 90, 30 } };

/* In real arithmetic, and in Hugging Face's integers: roundings to levels apart, in and between the passes */
START_TEST(as_torchvision)
{
    Picture picture = photo(sizes[_i].width, sizes[_i].height);
    Picture right = resize(picture, sizes[_i].new_width, sizes[_i].new_height, RESIZE_TORCHVISION, &scratch);
    Levels found = resample(picture, sizes[_i].new_width, sizes[_i].new_height, &bicubic, &scratch);
    ck_assert_int_eq(found.width, right.width);
    ck_assert_int_eq(found.height, right.height);
    ck_assert_msg(furthest(found, right) < 3, "%g levels apart", furthest(found, right));
}
END_TEST

static Picture ramp(int width, int height, int step)
{
    Picture picture = picture_new(width, height, &scratch);
    for (int i = 0; i < 3 * width * height; i++) picture.pixels[i] = (unsigned char)(i / 3 % width * step);
    return picture;
}

static void assert_line(Levels levels, const double *expected)
{
    for (int x = 0; x < levels.width; x++) assert_near(levels.values[3 * x], expected[x], 1e-4, "column", x);
}

/* By hand: centers are at -1/4, 1/4, .., so that two of a pair are 3 to 1; widened, four pixels make one. */
START_TEST(triangle_by_hand)
{
    Resampling how = { kernel_triangle, 1, false, false, FINISH_NONE, false };
    Picture four = ramp(4, 1, 40);
    assert_line(resample(four, 8, 1, &how, &scratch), (const double[]){ 0, 10, 30, 50, 70, 90, 110, 120 });
    assert_line(resample(four, 2, 1, &how, &scratch), (const double[]){ 20, 100 });
    how.antialias = true;
    assert_line(resample(four, 2, 1, &how, &scratch),
                (const double[]){ (3 * 0 + 3 * 40 + 80) / 7.0, (40 + 3 * 80 + 3 * 120) / 7.0 });
    how.corners = true;
    how.antialias = false;
    assert_line(resample(four, 2, 1, &how, &scratch), (const double[]){ 0, 60 });
}
END_TEST

START_TEST(kernels_by_hand)
{
    ck_assert(kernel_bicubic(0) == 1 && kernel_bicubic(1) == 0 && kernel_bicubic(2) == 0 && kernel_bicubic(9) == 0);
    ck_assert(kernel_bicubic(1.5) == -0.0625 && kernel_bicubic_sharp(-1.5) == -0.09375);
    ck_assert(kernel_triangle(0.25) == 0.75 && kernel_triangle(-1.5) == 0);
}
END_TEST

START_TEST(finishes)
{
    Picture edge = ramp(2, 1, 255);
    Resampling how = bicubic;
    static const struct {
        Finish finish;
        double low, high;
    } expected[] = { { FINISH_NONE, -30, 285 }, { FINISH_CUT, 0, 255 }, { FINISH_ROUNDED, 0, 255 } };
    for (int i = 0; i < COUNT(expected); i++) {
        how.finish = expected[i].finish;
        Levels levels = resample(edge, 6, 1, &how, &scratch);
        for (int x = 0; x < 6; x++) {
            float value = levels.values[3 * x];
            ck_assert(value >= expected[i].low && value <= expected[i].high);
            if (how.finish == FINISH_ROUNDED) ck_assert(value == floorf(value));
        }
        if (how.finish == FINISH_NONE) ck_assert(levels.values[0] < 0);
    }
    how = (Resampling){ kernel_triangle, 1, false, false, FINISH_TRUNCATED, false };
    assert_line(resample(ramp(2, 1, 3), 4, 1, &how, &scratch), (const double[]){ 0, 0, 2, 3 });
}
END_TEST

START_TEST(of_the_same_size)
{
    Picture picture = photo(9, 7);
    Resampling how = { kernel_triangle, 1, false, true, FINISH_NONE, false };
    ck_assert(furthest(resample(picture, 9, 7, &how, &scratch), picture) == 0);
}
END_TEST

Suite *resampling_suite(void)
{
    Suite *suite = suite_create("resampling");
    TCase *test = theme(suite, "resampling");
    tcase_add_loop_test(test, as_torchvision, 0, COUNT(sizes));
    tcase_add_test(test, triangle_by_hand);
    tcase_add_test(test, kernels_by_hand);
    tcase_add_test(test, finishes);
    tcase_add_test(test, of_the_same_size);
    return suite;
}
