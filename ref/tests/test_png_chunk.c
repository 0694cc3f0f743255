/* test_png_chunk.c - chunks that Pillow refuses, though they change no pixel */
#include "image/png_chunk.h"

#include "helpers.h"

#define FRAME(sequence, width, height, x, y) \
    "\0\0\0" sequence "\0\0\0" width "\0\0\0" height "\0\0\0" x "\0\0\0" y "\0\1\0\1\0\0"

static const struct {
    const char *name, *data;
    size_t size;
    const char *fault; /* of a picture of 3 x 2 */
} chunks[] = {
#define CHUNK(name, data, fault)           \
    {                                      \
        name, data, sizeof data - 1, fault \
    }
    CHUNK("gAMA", "1234", NULL),
    CHUNK("gAMA", "123", "is too short"),
    CHUNK("cHRM", "12345678901234567890123456789012", NULL),
    CHUNK("cHRM", "1234567890123456789012345678901", "is too short"),
    CHUNK("sRGB", "1", NULL),
    CHUNK("sRGB", "", "is too short"),
    CHUNK("pHYs", "123456789", NULL),
    CHUNK("pHYs", "12345678", "is too short"),
    CHUNK("acTL", "12345678", NULL),
    CHUNK("acTL", "1234567", "is too short"),
    CHUNK("iCCP", "name\0\0data", NULL),
    CHUNK("iCCP", "name\0", "is too short"),
    CHUNK("iCCP", "name", "is too short"),
    CHUNK("iCCP", "name\0\1data", "has an unknown compression method"),
    CHUNK("zTXt", "name\0\0data", NULL),
    CHUNK("zTXt", "name\0", NULL),
    CHUNK("zTXt", "name", NULL),
    CHUNK("zTXt", "", NULL),
    CHUNK("zTXt", "name\0\1data", "has an unknown compression method"),
    CHUNK("fcTL", FRAME("\0", "\3", "\2", "\0", "\0"), NULL),
    CHUNK("fcTL", FRAME("\1", "\3", "\2", "\0", "\0"), "begins an animation with a later frame"),
    CHUNK("fcTL", FRAME("\0", "\2", "\2", "\0", "\0"), "is not the whole picture"),
    CHUNK("fcTL", FRAME("\0", "\3", "\1", "\0", "\0"), "is not the whole picture"),
    CHUNK("fcTL", FRAME("\0", "\3", "\2", "\1", "\0"), "is not the whole picture"),
    CHUNK("fcTL", FRAME("\0", "\3", "\2", "\0", "\1"), "is not the whole picture"),
    CHUNK("fcTL", "\0\0\0\0\0\0\0\3\0\0\0\2\0\0\0\0\0\0\0\0\0\1\0\1\0", "is too short"),
    CHUNK("tEXt", "", NULL),
};

START_TEST(chunk)
{
    const char *fault = png_chunk_fault(chunks[_i].name, (const unsigned char *)chunks[_i].data, chunks[_i].size, 3, 2);
    ck_assert_msg(!fault == !chunks[_i].fault, "found %s, expected %s", fault, chunks[_i].fault);
    if (fault) ck_assert_msg(strstr(fault, chunks[_i].fault) != NULL, "found %s, expected %s", fault, chunks[_i].fault);
}
END_TEST

START_TEST(names)
{
    for (int i = 0; i < COUNT(chunks); i++) {
        bool known = strcmp(chunks[i].name, "tEXt") == 0;
        for (int n = 0; n < PNG_CHUNK_NAMES; n++) known |= memcmp(png_chunk_names + 5 * n, chunks[i].name, 5) == 0;
        ck_assert_msg(known, "%s is not among the names", chunks[i].name);
    }
}
END_TEST

Suite *png_chunk_suite(void)
{
    Suite *suite = suite_create("png_chunk");
    TCase *tcase = theme(suite, "faults");
    tcase_add_loop_test(tcase, chunk, 0, COUNT(chunks));
    tcase_add_test(tcase, names);
    return suite;
}
