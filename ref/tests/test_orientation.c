/* test_orientation.c - EXIF's eight orientations */
#include "image/orientation.h"

#include "pictures.h"

/* Where the pixels 0 .. 5 of a picture of 3 x 2 go */
static const struct {
    int width, height;
    unsigned char order[6];
} turned[] = {
    { 3, 2, { 0, 1, 2, 3, 4, 5 } }, { 3, 2, { 2, 1, 0, 5, 4, 3 } }, { 3, 2, { 5, 4, 3, 2, 1, 0 } },
    { 3, 2, { 3, 4, 5, 0, 1, 2 } }, { 2, 3, { 0, 3, 1, 4, 2, 5 } }, { 2, 3, { 3, 0, 4, 1, 5, 2 } },
    { 2, 3, { 5, 2, 4, 1, 3, 0 } }, { 2, 3, { 2, 5, 1, 4, 0, 3 } },
};

START_TEST(turn)
{
    unsigned char pixels[18];
    for (int i = 0; i < 18; i++) pixels[i] = (unsigned char)(10 * (i / 3) + i % 3);
    Picture picture = upright(picture_of(3, 2, pixels), _i + 1, &scratch);
    ck_assert_int_eq(picture.width, turned[_i].width);
    ck_assert_int_eq(picture.height, turned[_i].height);
    for (int i = 0; i < 18; i++) ck_assert_int_eq(picture.pixels[i], 10 * turned[_i].order[i / 3] + i % 3);
}
END_TEST

#define II "II\x2a\0\x08\0\0\0"
#define MM "MM\0\x2a\0\0\0\x08"
#define OTHER "\0\1\3\0\1\0\0\0\2\0\0\0" /* an entry that is no orientation */

static const struct {
    const char *exif;
    size_t size;
    int orientation;
} exifs[] = {
#define EXIF(text, orientation)            \
    {                                      \
        text, sizeof text - 1, orientation \
    }
    EXIF(II "\1\0\x12\1\3\0\1\0\0\0\6\0\0\0", 6),
    EXIF(MM "\0\1\1\x12\0\3\0\0\0\1\0\7\0\0", 7),
    EXIF(II "\2\0" OTHER "\x12\1\3\0\1\0\0\0\5\0\0\0", 5),
    EXIF(II "\1\0\x12\1\4\0\1\0\0\0\3\0\0\0", 3), /* LONG */
    EXIF(II "\1\0\x12\1\4\0\1\0\0\0\3\0\1\0", 1),
    EXIF(II "\1\0\x12\1\1\0\1\0\0\0\3\0\0\0", 1), /* BYTE is text to Pillow */
    EXIF(II "\1\0\x12\1\3\0\2\0\0\0\3\0\0\0", 1), /* two of them */
    EXIF(II "\1\0\x12\1\3\0\1\0\0\0\x09\0\0\0", 1),
    EXIF(II "\1\0\x12\1\3\0\1\0\0\0\0\0\0\0", 1),
    EXIF(II "\0\0\x12\1\3\0\1\0\0\0\6\0\0\0", 1),       /* no entries */
    EXIF(II "\1\0\x12\1\3\0\1\0\0\0", 1),               /* cut */
    EXIF(II "\1\0\x12\1\3\0\1\0\0\0\6", 1),             /* in the middle of the number */
    EXIF(II "\xff\xff\x12\1\3\0\1\0\0\0\x08\0\0\0", 8), /* fewer than it says */
    EXIF("II\x2a\0\xff\xff\xff\xff\1\0", 1),            /* the directory lies elsewhere */
    EXIF(II, 1),
};

START_TEST(exif)
{
    int orientation = 0;
    ck_assert(orientation_from_exif((const unsigned char *)exifs[_i].exif, exifs[_i].size, &orientation));
    ck_assert_int_eq(orientation, exifs[_i].orientation);
}
END_TEST

START_TEST(no_exif)
{
    static const char *const others[] = { "", "II", "II\x2a\0\x08\0\0", "IM\x2a\0\x08\0\0\0", "MM\x2a\0\x08\0\0\0" };
    static const size_t sizes[] = { 0, 2, 7, 8, 8 };
    for (int i = 0; i < COUNT(others); i++) {
        int orientation = 5;
        ck_assert(!orientation_from_exif((const unsigned char *)others[i], sizes[i], &orientation));
        ck_assert_int_eq(orientation, 1);
    }
}
END_TEST

Suite *orientation_suite(void)
{
    Suite *suite = suite_create("orientation");
    TCase *tcase = theme(suite, "turned");
    tcase_add_loop_test(tcase, turn, 0, COUNT(turned));
    tcase = theme(suite, "EXIF");
    tcase_add_loop_test(tcase, exif, 0, COUNT(exifs));
    tcase_add_test(tcase, no_exif);
    return suite;
}
