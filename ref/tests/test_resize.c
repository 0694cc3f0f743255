/* test_resize.c - levels as Pillow and torch resize them, and what holds of any resizing */
#include "image/resize.h"

#include "pictures.h"

static const ResizeFlavour flavours[] = { RESIZE_TORCHVISION, RESIZE_PIL };
static const char *const names[] = { "torchvision", "pil" };

static int at(const json_t *object, const char *key, size_t index)
{
    return (int)json_integer_value(json_array_get(json_object_get(object, key), index));
}

/* fixtures/image/expected.json: smaller, larger, mixed, one pass only, vertical pass first */
START_TEST(as_the_library)
{
    size_t i;
    const json_t *row, *rows = json_object_get(expected_images(), "resize");
    json_array_foreach(rows, i, row)
    {
        Picture picture = random_picture(at(row, "from", 0), at(row, "from", 1));
        Picture out = resize(picture, at(row, "to", 0), at(row, "to", 1), flavours[_i], &scratch);
        ck_assert_int_eq(out.width, at(row, "to", 0));
        ck_assert_int_eq(out.height, at(row, "to", 1));
        if (crc_of_picture(out) != json_integer_value(json_object_get(row, names[_i])))
            ck_abort_msg("%d x %d to %d x %d as %s differs", picture.width, picture.height, out.width, out.height,
                         names[_i]);
    }
}
END_TEST

START_TEST(same_size)
{
    Picture picture = random_picture(13, 7);
    ck_assert_ptr_eq(resize(picture, 13, 7, flavours[_i], &scratch).pixels, picture.pixels);
}
END_TEST

static const int lengths[] = { 1, 2, 9, 10, 11, 12, 31, 32, 33, 40 };

/* Weights sum to 1 but for the rounding of each; a picture of one color keeps it. */
START_TEST(one_color)
{
    for (int flavour = 0; flavour < 2; flavour++)
        for (int i = 0; i < COUNT(lengths); i++)
            for (int level = 0; level < 256; level += 51) {
                Picture picture = picture_new(lengths[_i], 10, &scratch);
                memset(picture.pixels, level, picture_row(picture) * 10);
                Picture out = resize(picture, lengths[i], 10, flavours[flavour], &scratch);
                for (size_t j = 0; j < picture_row(out) * 10; j++)
                    if (out.pixels[j] != level) ck_abort_msg("found %d, expected %d", out.pixels[j], level);
            }
}
END_TEST

/* Rows as columns, and columns as rows: a picture and its transpose are resized alike where only one side changes. */
START_TEST(transposed)
{
    for (int i = 0; i < COUNT(lengths); i++) {
        Picture wide = random_picture(lengths[_i], 5), tall = picture_new(5, lengths[_i], &scratch);
        for (int y = 0; y < 5; y++)
            for (int x = 0; x < wide.width; x++)
                memcpy(tall.pixels + 3 * (x * 5 + y), wide.pixels + 3 * (y * wide.width + x), 3);
        wide = resize(wide, lengths[i], 5, RESIZE_TORCHVISION, &scratch);
        tall = resize(tall, 5, lengths[i], RESIZE_TORCHVISION, &scratch);
        for (int y = 0; y < 5; y++)
            for (int x = 0; x < wide.width; x++)
                if (memcmp(tall.pixels + 3 * (x * 5 + y), wide.pixels + 3 * (y * wide.width + x), 3) != 0)
                    ck_abort_msg("%d to %d differs at (%d, %d)", lengths[_i], lengths[i], x, y);
    }
}
END_TEST

Suite *resize_suite(void)
{
    Suite *suite = suite_create("resize");
    TCase *tcase = theme(suite, "bit for bit");
    tcase_add_loop_test(tcase, as_the_library, 0, COUNT(flavours));
    tcase_add_loop_test(tcase, same_size, 0, COUNT(flavours));
    tcase = theme(suite, "of any");
    tcase_add_loop_test(tcase, one_color, 0, COUNT(lengths));
    tcase_add_loop_test(tcase, transposed, 0, COUNT(lengths));
    return suite;
}
