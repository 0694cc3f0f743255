/* test_png.c - files of every kind are read, what is not a whole PNG is refused in one line */
#include "image/png.h"

#include <sys/stat.h>

#include "pictures.h"

static const AlphaRule rules[] = { ALPHA_OVER_WHITE, ALPHA_DROPPED };
static const char *const rule_names[] = { "opened", "path" };

static Picture load(const char *path, AlphaRule alpha)
{
    Error error = { "" };
    Picture picture = picture_load_png(path, (PngOptions){ .alpha = alpha }, &scratch, &error);
    assert_clean(&error);
    return picture;
}

static void assert_no_picture(const char *path, PngOptions options, const char *says)
{
    Error error = { "" };
    Picture picture = picture_load_png(path, options, &scratch, &error);
    assert_refused(&error, path, says);
    ck_assert_ptr_null(picture.pixels);
}

/* ---------------------------------------------------------------- whole files */

/* Interlaced or not, with tRNS, orientation and short palettes: fixtures/image/kinds */
START_TEST(every_kind)
{
    size_t i;
    const json_t *row;
    const json_t *rows = json_object_get(expected_images(), "rgb");
    ck_assert_uint_eq(json_array_size(rows), 30);
    json_array_foreach(rows, i, row)
    {
        const char *file = json_string_value(json_object_get(row, "file"));
        Picture picture = load(arena_format(&scratch, IMAGES "/%s", file), rules[_i]);
        ck_assert_msg(crc_of_picture(picture) == json_integer_value(json_object_get(row, rule_names[_i])), "%s (%s)",
                      file, rule_names[_i]);
        if (rules[_i] == ALPHA_DROPPED)
            ck_assert_int_eq(picture.width, json_integer_value(json_array_get(json_object_get(row, "upright"), 0)));
    }
}
END_TEST

static const unsigned char rows_2x2[] = { 0, 1, 2, 3, 4, 5, 6, 0, 7, 8, 9, 10, 11, 12 };
static const unsigned char orientation_3[] = "II\x2a\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\3\0\0\0";

START_TEST(orientation_is_for_files_only)
{
    for (int after = 0; after < 2; after++) {
        PngFile file = png_begin(2, 2, PNG_RGB, 8);
        if (!after) png_chunk(&file, "eXIf", orientation_3, sizeof orientation_3 - 1);
        png_rows(&file, rows_2x2, sizeof rows_2x2);
        if (after) png_chunk(&file, "eXIf", orientation_3, sizeof orientation_3 - 1);
        const char *path = png_end(&file, "a.png");
        Picture opened = load(path, ALPHA_OVER_WHITE), loaded = load(path, ALPHA_DROPPED);
        for (int i = 0; i < 12; i++) {
            ck_assert_int_eq(opened.pixels[i], i + 1);
            ck_assert_int_eq(loaded.pixels[i], 3 * (3 - i / 3) + i % 3 + 1);
        }
    }
}
END_TEST

/* The last tRNS before the data counts, and none behind it. */
START_TEST(which_transparency)
{
    PngFile file = png_begin(2, 2, PNG_RGB, 8);
    png_chunk(&file, "tRNS", "\0\1\0\2\0\3", 6);
    png_chunk(&file, "tRNS", "\0\4\0\5\0\6", 6);
    png_rows(&file, rows_2x2, sizeof rows_2x2);
    png_chunk(&file, "tRNS", "\0\7\0\x08\0\x09", 6);
    Picture picture = load(png_end(&file, "a.png"), ALPHA_OVER_WHITE);
    for (int i = 0; i < 12; i++) ck_assert_int_eq(picture.pixels[i], i / 3 == 1 ? 255 : i + 1);
}
END_TEST

/* Chunks that change no pixel are passed over: texts, gamma, the frames of an animation behind the first. */
START_TEST(other_chunks)
{
    PngFile file = png_begin(2, 2, PNG_RGB, 8);
    png_chunk(&file, "gAMA", "\0\0\1\0", 4);
    png_chunk(&file, "bKGD", "\0\1\0\2\0\3", 6);
    png_chunk(&file, "sBIT", "\1\1\1", 3);
    png_chunk(&file, "tEXt", "Comment\0plumb", 13);
    png_chunk(&file, "acTL", "\0\0\0\2\0\0\0\0", 8);
    png_chunk(&file, "fcTL", "\0\0\0\0\0\0\0\2\0\0\0\2\0\0\0\0\0\0\0\0\0\1\0\1\0\0", 26);
    png_rows(&file, rows_2x2, sizeof rows_2x2);
    png_chunk(&file, "fcTL", "\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0\0\0\1\0\1\0\0", 26);
    png_chunk(&file, "fdAT", "\0\0\0\2abc", 7);
    png_chunk(&file, "prVt", "?", 1);
    Picture picture = load(png_end(&file, "a.png"), ALPHA_OVER_WHITE);
    for (int i = 0; i < 12; i++) ck_assert_int_eq(picture.pixels[i], i + 1);
}
END_TEST

/* A list of no alpha at all, which Pillow takes; and of more than there can be colors, which it does not */
START_TEST(lengths_of_palette_alpha)
{
    static const size_t sizes[] = { 0, 256, 257 };
    unsigned char alpha[257] = { 0 };
    for (int i = 0; i < COUNT(sizes); i++) {
        PngFile file = png_begin(1, 1, PNG_INDEX, 8);
        png_chunk(&file, "tRNS", alpha, sizes[i]);
        png_chunk(&file, "PLTE", "abc", 3);
        png_rows(&file, "\0\0", 2);
        const char *path = png_end(&file, "a.png");
        if (sizes[i] > 256)
            assert_no_picture(path, (PngOptions){ .max_pixels = 0 }, "(tRNS has a wrong length)");
        else
            ck_assert_int_eq(*load(path, ALPHA_OVER_WHITE).pixels, sizes[i] ? 255 : 'a');
    }
}
END_TEST

START_TEST(limit_of_pixels)
{
    const char *path = IMAGES "/plumb.png";
    Error error = { "" };
    picture_load_png(path, (PngOptions){ .max_pixels = 480 * 360 }, &scratch, &error);
    assert_clean(&error);
    assert_no_picture(path, (PngOptions){ .max_pixels = 480 * 360 - 1 },
                      ": found 480 x 360 pixels, expected at most 172799 of them (--max-pixels)");

    PngFile bomb = png_begin(1 << 16, 2731, PNG_GRAY, 1);
    png_rows(&bomb, "", 1);
    assert_no_picture(png_end(&bomb, "bomb.png"), (PngOptions){ .max_pixels = 0 },
                      ": found 65536 x 2731 pixels, expected at most 178956970 of them (--max-pixels)");
}
END_TEST

/* ---------------------------------------------------------------- what is not a whole PNG */

static const struct {
    const char *bytes, *says;
    size_t size;
} others[] = {
#define OTHER(bytes, says)            \
    {                                 \
        bytes, says, sizeof bytes - 1 \
    }
    OTHER("", ": found an empty file, expected a PNG"),
    OTHER("\xff\xd8\xff\xe0\0\x10JFIF\0", ": found a JPEG, expected a PNG"),
    OTHER("GIF89a....", ": found a GIF, expected a PNG"),
    OTHER("RIFF\0\0\0\0WEBP", ": found a WebP, expected a PNG"),
    OTHER("BM..........", ": found a BMP, expected a PNG"),
    OTHER("II\x2a\0........", ": found a TIFF, expected a PNG"),
    OTHER("MM\0\x2a........", ": found a TIFF, expected a PNG"),
    OTHER("text", ": found another format, expected a PNG"),
    OTHER("\x89PNG\r\n\x1a", ": found another format, expected a PNG"),
    OTHER("\x89PNG\n\x1a\n......", ": found another format, expected a PNG"),
    OTHER("\x89PNG\r\n\x1a\n", ": found a broken PNG (the file ends too early), expected a whole one"),
};

START_TEST(other_format)
{
    write_bytes(temporary("a.png"), others[_i].bytes, others[_i].size);
    assert_no_picture(temporary("a.png"), (PngOptions){ .max_pixels = 0 }, others[_i].says);
}
END_TEST

START_TEST(no_file)
{
    assert_no_picture(temporary("absent.png"), (PngOptions){ .max_pixels = 0 },
                      ": found no readable file (No such file or directory), expected a PNG");
    mkdir(temporary("folder.png"), 0700);
    assert_no_picture(temporary("folder.png"), (PngOptions){ .max_pixels = 0 },
                      ": found something that is not a file, expected a PNG");
}
END_TEST

/* Before the data of a whole file of that color comes one more chunk, or the header itself is bad. */
static const struct {
    unsigned width, height;
    int color, depth;
    const char *chunk, *data;
    size_t size;
    const char *says;
} bad[] = {
    { 0, 2, PNG_RGB, 8, NULL, NULL, 0, "Image width is zero in IHDR: Invalid IHDR data" },
    { 2, 0, PNG_RGB, 8, NULL, NULL, 0, "Image height is zero in IHDR: Invalid IHDR data" },
    { 2, 1u << 31, PNG_RGB, 8, NULL, NULL, 0, "PNG unsigned integer out of range" },
    { 2, 2, PNG_RGB, 4, NULL, NULL, 0, "Invalid IHDR data" },
    { 2, 2, 1, 8, NULL, NULL, 0, "Invalid IHDR data" },
    { 2, 2, PNG_INDEX, 8, NULL, NULL, 0, "Missing PLTE before IDAT" },
    { 2, 3, PNG_RGB, 8, NULL, NULL, 0, "Not enough image data" },
    { 2, 2, PNG_RGB, 8, "tRNS", "\0\1\0\2\0", 5, "tRNS has a wrong length" },
    { 2, 2, PNG_GRAY, 8, "tRNS", "\0", 1, "tRNS has a wrong length" },
    { 2, 2, PNG_RGB, 8, "gAMA", "\0\0\1", 3, "gAMA: is too short" },
    { 2, 2, PNG_RGB, 8, "iCCP", "name\0\1", 6, "iCCP: has an unknown compression method" },
    { 2, 2, PNG_RGB, 8, "IDAT", "none", 4, "IDAT" },
    { 2, 2, PNG_RGB, 8, "ABCD", "critical", 8, "ABCD: is critical, and unknown" },
};

START_TEST(bad_chunk)
{
    PngFile file = png_begin(bad[_i].width, bad[_i].height, bad[_i].color, bad[_i].depth);
    if (bad[_i].chunk) png_chunk(&file, bad[_i].chunk, bad[_i].data, bad[_i].size);
    png_rows(&file, rows_2x2, sizeof rows_2x2);
    const char *path = png_end(&file, "a.png");
    assert_no_picture(path, (PngOptions){ .max_pixels = 0 }, bad[_i].says);
    assert_no_picture(path, (PngOptions){ .max_pixels = 0 }, ": found a broken PNG (");
}
END_TEST

START_TEST(misplaced_chunks)
{
    PngFile file = png_begin(2, 2, PNG_RGB, 8), early = { .size = 8 };
    memcpy(early.bytes, file.bytes, 8);
    png_chunk(&early, "tRNS", "\0\1\0\2\0\3", 6);
    memcpy(early.bytes + early.size, file.bytes + 8, file.size - 8);
    early.size += file.size - 8;
    png_rows(&early, rows_2x2, sizeof rows_2x2);
    assert_no_picture(png_end(&early, "a.png"), (PngOptions){ .max_pixels = 0 }, "(tRNS: stands before IHDR)");

    png_rows(&file, rows_2x2, sizeof rows_2x2);
    png_chunk(&file, "tRNS", "\0\1", 2);
    assert_no_picture(png_end(&file, "a.png"), (PngOptions){ .max_pixels = 0 }, "(tRNS has a wrong length)");

    PngFile exif = png_begin(2, 2, PNG_RGB, 8);
    png_chunk(&exif, "eXIf", "EXIF", 4);
    png_rows(&exif, rows_2x2, sizeof rows_2x2);
    const char *path = png_end(&exif, "a.png");
    assert_no_picture(path, (PngOptions){ .alpha = ALPHA_DROPPED }, "(eXIf: holds no EXIF)");
    load(path, ALPHA_OVER_WHITE);
}
END_TEST

/* Also of a chunk that is passed over */
START_TEST(checksum)
{
    PngFile file = png_begin(2, 2, PNG_RGB, 8);
    png_chunk(&file, "tEXt", "Comment\0plumb", 13);
    file.bytes[file.size - 1] ^= 1;
    png_rows(&file, rows_2x2, sizeof rows_2x2);
    assert_no_picture(png_end(&file, "a.png"), (PngOptions){ .max_pixels = 0 }, "(tEXt: CRC error)");
}
END_TEST

START_TEST(cut_anywhere)
{
    size_t size;
    const char *whole = read_text(IMAGES "/kinds/index-8-0.png", &size);
    for (size_t cut = 0; cut < size; cut++) {
        Error error = { "" };
        write_bytes(temporary("a.png"), whole, cut);
        picture_load_png(temporary("a.png"), (PngOptions){ .max_pixels = 0 }, &scratch, &error);
        if (!error_is_set(&error)) ck_abort_msg("cut to %zu of %zu bytes, it passes for whole", cut, size);
    }
}
END_TEST

/* Every chunk has a checksum, so a flipped bit anywhere shows. */
START_TEST(flipped_anywhere)
{
    size_t size;
    const char *whole = read_text(IMAGES "/kinds/gray-alpha-16-1.png", &size);
    for (size_t bit = 0; bit < 8 * size; bit += 3) {
        char *bytes = arena_allocate(&scratch, size);
        memcpy(bytes, whole, size);
        bytes[bit / 8] ^= (char)(1 << bit % 8);
        Error error = { "" };
        FILE *file = fmemopen(bytes, size, "rb");
        picture_decode_png(file, "memory", (PngOptions){ .max_pixels = 1 << 20 }, &scratch, &error);
        fclose(file);
        if (!error_is_set(&error)) ck_abort_msg("with bit %zu flipped, it passes for whole", bit);
        arena_release(&scratch, (ArenaMark){ 0 });
        whole = read_text(IMAGES "/kinds/gray-alpha-16-1.png", &size);
    }
}
END_TEST

Suite *png_suite(void)
{
    Suite *suite = suite_create("png");
    TCase *tcase = theme(suite, "whole");
    tcase_add_loop_test(tcase, every_kind, 0, COUNT(rules));
    tcase_add_test(tcase, orientation_is_for_files_only);
    tcase_add_test(tcase, which_transparency);
    tcase_add_test(tcase, other_chunks);
    tcase_add_test(tcase, lengths_of_palette_alpha);
    tcase_add_test(tcase, limit_of_pixels);
    tcase = theme(suite, "refused");
    tcase_add_loop_test(tcase, other_format, 0, COUNT(others));
    tcase_add_test(tcase, no_file);
    tcase_add_loop_test(tcase, bad_chunk, 0, COUNT(bad));
    tcase_add_test(tcase, misplaced_chunks);
    tcase_add_test(tcase, checksum);
    tcase_add_test(tcase, cut_anywhere);
    tcase_add_test(tcase, flipped_anywhere);
    return suite;
}
