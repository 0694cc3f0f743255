/* pictures.c - PNG files and levels to test with */
#include "pictures.h"

const json_t *expected_images(void)
{
    static json_t *expected;
    json_error_t why;
    if (!expected) expected = json_load_file(IMAGES "/expected.json", 0, &why);
    ck_assert_msg(expected != NULL, IMAGES "/expected.json: %s", why.text);
    return expected;
}

static uint32_t crc_more(uint32_t crc, const unsigned char *bytes, size_t size)
{
    static uint32_t table[256];
    for (uint32_t i = 0; i < 256 && !table[255]; i++) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; bit++) value = value & 1 ? value >> 1 ^ 0xedb88320 : value >> 1;
        table[i] = value;
    }
    for (size_t i = 0; i < size; i++) crc = table[(crc ^ bytes[i]) & 255] ^ crc >> 8;
    return crc;
}

uint32_t crc_of(const void *bytes, size_t size) { return ~crc_more(~0u, bytes, size); }

uint32_t crc_of_picture(Picture p) { return crc_of(p.pixels, picture_row(p) * (size_t)p.height); }

Picture random_picture(int width, int height)
{
    Picture picture = picture_new(width, height, &scratch);
    uint32_t state = 1;
    for (size_t i = 0; i < picture_row(picture) * (size_t)height; i++) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        picture.pixels[i] = (unsigned char)(state >> 24);
    }
    return picture;
}

Picture picture_of(int width, int height, const unsigned char *pixels)
{
    Picture picture = picture_new(width, height, &scratch);
    memcpy(picture.pixels, pixels, picture_row(picture) * (size_t)height);
    return picture;
}

const Gemma4ImageProcessor plain_processor = { .do_rescale = true,
                                               .rescale_factor = 1.0 / 255,
                                               .image_std = { 1, 1, 1 },
                                               .patch_size = 2,
                                               .max_soft_tokens = 3,
                                               .pooling_kernel_size = 2 };

void assert_features(const ImageFeatures *f, const json_t *row)
{
    size_t pixels = (size_t)f->length * 3 * (size_t)f->side * (size_t)f->side, positions = (size_t)f->length * 2;
    ck_assert_int_eq(f->soft_tokens, json_integer_value(json_object_get(row, "soft_tokens")));
    ck_assert_int_eq(crc_of(f->pixel_values, pixels * sizeof *f->pixel_values),
                     json_integer_value(json_object_get(row, "pixel_values")));
    ck_assert_int_eq(crc_of(f->position_ids, positions * sizeof *f->position_ids),
                     json_integer_value(json_object_get(row, "image_position_ids")));
}

/* ---------------------------------------------------------------- PNG files */

static void put(PngFile *file, const void *bytes, size_t size)
{
    ck_assert_uint_le(file->size + size, sizeof file->bytes);
    if (size) memcpy(file->bytes + file->size, bytes, size);
    file->size += size;
}

static void put_number(PngFile *file, uint32_t value)
{
    unsigned char bytes[] = { (unsigned char)(value >> 24), (unsigned char)(value >> 16), (unsigned char)(value >> 8),
                              (unsigned char)value };
    put(file, bytes, 4);
}

void png_chunk(PngFile *file, const char *name, const void *data, size_t size)
{
    put_number(file, (uint32_t)size);
    put(file, name, 4);
    put(file, data, size);
    put_number(file, crc_of(file->bytes + file->size - size - 4, size + 4));
}

PngFile png_begin(unsigned width, unsigned height, int color, int depth)
{
    PngFile file = { .size = 0 }, header = { .size = 0 };
    put(&file, "\x89PNG\r\n\x1a\n", 8);
    put_number(&header, width);
    put_number(&header, height);
    put(&header, (unsigned char[]){ (unsigned char)depth, (unsigned char)color, 0, 0, 0 }, 5);
    png_chunk(&file, "IHDR", header.bytes, header.size);
    return file;
}

/* As zlib data of one stored block */
void png_rows(PngFile *file, const void *rows, size_t size)
{
    PngFile data = { .size = 0 };
    uint32_t a = 1, b = 0;
    for (size_t i = 0; i < size; i++) {
        a = (a + ((const unsigned char *)rows)[i]) % 65521;
        b = (b + a) % 65521;
    }
    unsigned char low = (unsigned char)size, high = (unsigned char)(size >> 8);
    put(&data, (unsigned char[]){ 0x78, 1, 1, low, high, (unsigned char)~low, (unsigned char)~high }, 7);
    put(&data, rows, size);
    put_number(&data, b << 16 | a);
    png_chunk(file, "IDAT", data.bytes, data.size);
}

const char *png_end(PngFile *file, const char *name)
{
    png_chunk(file, "IEND", NULL, 0);
    write_bytes(temporary(name), file->bytes, file->size);
    return temporary(name);
}
