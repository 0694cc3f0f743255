/* test_npy.c - NumPy's .npy */
#include "dump/npy.h"

#include <stdlib.h>

#include "dumps.h"

static const double doubles[] = { 1.5, -2 };
static const float floats[] = { 1.5f, -2, 3, 4, 5, 6 };
static const uint16_t halves[] = { 0x3e00, 0xc000 }, bfloats[] = { 0x3fc0, 0xc000 };
static const int64_t longs[] = { 1, -2 };
static const int8_t bytes[] = { 1, -2 };

static Array read_npy(int version, const char *dict, const void *data, size_t data_size, Error *error)
{
    size_t size;
    const unsigned char *npy = npy_bytes(version, dict, data, data_size, &size);
    return npy_read(&scratch, "dump.npz", "tap", npy, size, error);
}

static const struct {
    int version;
    const char *dict;
    const void *data;
    size_t size;
    Dtype dtype;
    int rank;
    int64_t shape[3];
    double first, second;
} good[] = {
    { 1, NPY("<f4", "False", "(2, 3)"), floats, 24, DTYPE_F32, 2, { 2, 3 }, 1.5, -2 },
    { 2, NPY("<f4", "False", "(2, 3)"), floats, 24, DTYPE_F32, 2, { 2, 3 }, 1.5, -2 },
    { 3, NPY("<f4", "False", "(1, 2, 3)"), floats, 24, DTYPE_F32, 3, { 1, 2, 3 }, 1.5, -2 },
    { 1, NPY("<f4", "True", "(2, 3)"), floats, 24, DTYPE_F32, 2, { 2, 3 }, 1.5, 3 },
    { 1, NPY("<f4", "True", "(6,)"), floats, 24, DTYPE_F32, 1, { 6 }, 1.5, -2 },
    { 1, NPY("<f8", "False", "(2,)"), doubles, 16, DTYPE_F64, 1, { 2 }, 1.5, -2 },
    { 1, NPY("<f2", "False", "(2,)"), halves, 4, DTYPE_F16, 1, { 2 }, 1.5, -2 },
    { 1, NPY("<V2", "False", "(2,)"), bfloats, 4, DTYPE_BF16, 1, { 2 }, 1.5, -2 },
    { 1, NPY("|V2", "False", "(2,)"), bfloats, 4, DTYPE_BF16, 1, { 2 }, 1.5, -2 },
    { 1, NPY("<i8", "False", "(2,)"), longs, 16, DTYPE_I64, 1, { 2 }, 1, -2 },
    { 1, NPY("|i1", "False", "(2,)"), bytes, 2, DTYPE_I8, 1, { 2 }, 1, -2 },
    { 1, NPY("|u1", "False", "(2,)"), bytes, 2, DTYPE_U8, 1, { 2 }, 1, 254 },
    { 1, NPY("|b1", "False", "(1, 2)"), "\1\0", 2, DTYPE_BOOL, 2, { 1, 2 }, 1, 0 },
    { 1, "{'descr':'<f4','fortran_order':False,'shape':(3,2)}", floats, 24, DTYPE_F32, 2, { 3, 2 }, 1.5, -2 },
    { 1, NPY("<f8", "False", "()"), doubles, 8, DTYPE_F64, 0, { 0 }, 1.5, 1.5 },
};

START_TEST(accepted)
{
    Error error = { "" };
    Array array = read_npy(good[_i].version, good[_i].dict, good[_i].data, good[_i].size, &error);
    assert_clean(&error);
    ck_assert_str_eq(array.name, "tap");
    ck_assert_int_eq(array.dtype, good[_i].dtype);
    ck_assert(array_has_shape(&array, good[_i].rank, good[_i].shape));
    double found;
    array_read_f64(&array, 0, 1, &found);
    ck_assert_double_eq(found, good[_i].first);
    array_read_f64(&array, array.rank > 0, 1, &found);
    ck_assert_double_eq(found, good[_i].second);
}
END_TEST

#define UNREADABLE ": tap: found header {"

static const struct {
    int version;
    const char *dict;
    size_t size; /* of the data */
    const char *says;
} bad[] = {
    { 1, NPY(">f4", "False", "(2, 3)"), 24, UNREADABLE "'descr': '>f4'" },
    { 1, NPY("<c8", "False", "(3,)"), 24, UNREADABLE },
    { 1, "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (6,), }", 24, UNREADABLE },
    { 1, "{'fortran_order': False, 'shape': (6,), }", 24, UNREADABLE },
    { 1, "{'descr': '<f4', 'shape': (6,), }", 24, UNREADABLE },
    { 1, "{'descr': '<f4', 'fortran_order': False, }", 24, UNREADABLE },
    { 1, NPY("<f4", "False", "(-6,)"), 24, UNREADABLE },
    { 1, NPY("<f4", "False", "(6, x)"), 24, UNREADABLE },
    { 1, NPY("<f4", "False", "6"), 24, UNREADABLE },
    { 1, NPY("<f4", "False", "(1,1,1,1,1,1,1,1,6)"), 24, UNREADABLE },
    { 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (6,", 24, UNREADABLE },
    { 1, NPY("<f4", "False", "(2, 3)"), 23, ": tap: found 23 bytes of data, expected 24 for F32 [2, 3]" },
    { 1, NPY("<f4", "False", "(2, 2)"), 24, ": tap: found 24 bytes of data, expected 16 for F32 [2, 2]" },
    { 1, NPY("<f4", "True", "(1099511627776, 1099511627776, 1099511627776)"), 24,
      ": tap: found 24 bytes of data, expected" },
    { 4, NPY("<f4", "False", "(6,)"), 24, ": tap: found no .npy header, expected one" },
    { 1, "", 0, ": tap: found no .npy header" },
};

START_TEST(refused)
{
    Error error = { "" };
    read_npy(bad[_i].version, bad[_i].dict, floats, bad[_i].size, &error);
    assert_refused(&error, "dump.npz", bad[_i].says);
}
END_TEST

/* Every beginning of a good file, in memory of exactly that size. */
START_TEST(truncated)
{
    size_t whole;
    const unsigned char *npy = npy_bytes(1, NPY("<f4", "False", "(2,)"), floats, 8, &whole);
    for (size_t size = 0; size < whole; size++) {
        Error error = { "" };
        unsigned char *part = malloc(size + 1);
        memcpy(part, npy, size);
        npy_read(&scratch, "dump.npz", "tap", part, size, &error);
        free(part);
        ck_assert_msg(error_is_set(&error), "%zu of %zu bytes were accepted", size, whole);
    }
}
END_TEST

START_TEST(permuted)
{
    float values[24];
    for (int i = 0; i < 24; i++) values[i] = (float)i;
    Array array = { .dtype = DTYPE_F32, .rank = 3, .shape = { 2, 3, 4 }, .data = (const unsigned char *)values };
    Array moved = array_permuted(&array, (const int[]){ 2, 0, 1 }, &scratch);
    ck_assert(array_has_shape(&moved, SHAPE(4, 2, 3)));
    for (int i = 0; i < 24; i++) {
        double found;
        array_read_f64(&moved, i, 1, &found);
        assert_near(found, (i / 3 % 2) * 12 + (i % 3) * 4 + i / 6, 0, "permuted", i);
    }
}
END_TEST

Suite *npy_suite(void)
{
    Suite *suite = suite_create("npy");
    TCase *tcase = theme(suite, "read");
    tcase_add_loop_test(tcase, accepted, 0, COUNT(good));
    tcase_add_loop_test(tcase, refused, 0, COUNT(bad));
    tcase_add_test(tcase, truncated);
    tcase_add_test(tcase, permuted);
    return suite;
}
