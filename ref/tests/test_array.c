/* test_array.c - dtypes, and widening from them */
#include "helpers.h"

static const struct {
    Dtype dtype;
    uint64_t bits;
    double expected;
} stored[] = {
    { DTYPE_F64, 0x3ff8000000000000, 1.5 },
    { DTYPE_F64, 0xfff0000000000000, -INFINITY },
    { DTYPE_F32, 0x3fc00000, 1.5 },
    { DTYPE_F32, 0x00000001, 0x1p-149 },
    { DTYPE_F32, 0x7f800000, INFINITY },
    { DTYPE_BF16, 0x3fc0, 1.5 },
    { DTYPE_BF16, 0xff80, -INFINITY },
    { DTYPE_BF16, 0x0001, 0x1p-133 },
    { DTYPE_F16, 0x3e00, 1.5 },
    { DTYPE_F16, 0xfbff, -65504 },
    { DTYPE_F16, 0x0001, 0x1p-24 },
    { DTYPE_F16, 0x83ff, -0x1.ff8p-15 },
    { DTYPE_F16, 0x7c00, INFINITY },
    { DTYPE_F16, 0xfc00, -INFINITY },
    { DTYPE_I64, 0xffffffffffffffff, -1 },
    { DTYPE_I64, 1ull << 40, 0x1p40 },
    { DTYPE_I32, 0x80000000, -0x1p31 },
    { DTYPE_I16, 0x8000, -32768 },
    { DTYPE_I8, 0xff, -1 },
    { DTYPE_U64, 1ull << 63, 0x1p63 },
    { DTYPE_U32, 0xffffffff, 4294967295.0 },
    { DTYPE_U16, 0xffff, 65535 },
    { DTYPE_U8, 0xff, 255 },
    { DTYPE_BOOL, 1, 1 },
    { DTYPE_F8_E4M3, 0x7e, 448 },
    { DTYPE_F8_E4M3, 0x81, -0x1p-9 },
    { DTYPE_F8_E4M3, 0x08, 0x1p-6 },
    { DTYPE_F8_E5M2, 0x7b, 57344 },
    { DTYPE_F8_E5M2, 0xfc, -INFINITY },
    { DTYPE_F8_E5M2, 0x01, 0x1p-16 },
};

static Array array_in(const void *data, Dtype dtype, int64_t count)
{
    return (Array){ .file = "memory", .name = "array", .dtype = dtype, .rank = 1, .shape = { count }, .data = data };
}

/* The value is the second element, behind other bytes, at an odd address. */
START_TEST(dtype_is_widened)
{
    unsigned char bytes[32];
    size_t size = dtype_size(stored[_i].dtype);
    memset(bytes, 0x5a, sizeof bytes);
    memcpy(bytes + 1 + size, &stored[_i].bits, size);
    Array array = array_in(bytes + 1, stored[_i].dtype, 2);

    float narrow[2] = { 7, 7 };
    double wide[2] = { 7, 7 };
    array_read_f32(&array, 1, 1, narrow);
    array_read_f64(&array, 1, 1, wide);
    ck_assert_double_eq(wide[0], stored[_i].expected);
    ck_assert_float_eq(narrow[0], (float)stored[_i].expected);
    ck_assert_double_eq(wide[1], 7);
    ck_assert_float_eq(narrow[1], 7);
    if (!dtype_is_float(array.dtype) && array.dtype != DTYPE_U64)
        ck_assert_int_eq(array_integer(&array, 1), (int64_t)stored[_i].expected);
}
END_TEST

/* Against the definition: sign, 5 bits of exponent, 10 of fraction. */
START_TEST(every_float16)
{
    for (uint32_t i = 0; i < 0x10000; i++) {
        uint16_t bits = (uint16_t)i;
        int exponent = bits >> 10 & 31, fraction = bits & 1023;
        double expected = exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24), found;
        if (exponent == 31) expected = fraction ? NAN : INFINITY;
        Array array = array_in(&bits, DTYPE_F16, 1);
        array_read_f64(&array, 0, 1, &found);
        bool same = isnan(expected) ? isnan(found) : fabs(found) == expected;
        if (!same || !signbit(found) != !(bits >> 15))
            ck_abort_msg("%04x: found %g, expected %g", bits, found, expected);
    }
}
END_TEST

START_TEST(bfloat16_is_the_upper_half_of_float32)
{
    for (uint32_t i = 0; i < 0x10000; i++) {
        uint16_t bits = (uint16_t)i;
        uint32_t expected = i << 16;
        float found;
        Array array = array_in(&bits, DTYPE_BF16, 1);
        array_read_f32(&array, 0, 1, &found);
        if (memcmp(&found, &expected, sizeof found) != 0) ck_abort_msg("%04x: found %a", bits, found);
    }
}
END_TEST

START_TEST(names)
{
    for (int i = 0; i < DTYPE_COUNT; i++) {
        Dtype dtype = DTYPE_COUNT;
        ck_assert(dtype_from_name(dtype_name((Dtype)i), &dtype));
        ck_assert_int_eq(dtype, i);
    }
    Dtype dtype;
    ck_assert(!dtype_from_name("F8_E8M0", &dtype));
    ck_assert(!dtype_from_name("", &dtype) && !dtype_from_name(dtype_name(DTYPE_ENCODED), &dtype));
    ck_assert(dtype_is_float(DTYPE_BF16) && !dtype_is_float(DTYPE_I64) && !dtype_is_float(DTYPE_BOOL));
}
END_TEST

START_TEST(shapes)
{
    Array array = { .rank = 3, .shape = { 2, 36, 768 } };
    ck_assert_int_eq(array_elements(&array), 2 * 36 * 768);
    ck_assert(array_has_shape(&array, SHAPE(2, 36, 768)));
    ck_assert(!array_has_shape(&array, SHAPE(2, 36)));
    ck_assert(!array_has_shape(&array, SHAPE(2, 36, 767)));
    ck_assert_int_eq(array_elements(&(Array){ .rank = 0 }), 1);

    char text[16];
    ck_assert_str_eq(SHAPE_TEXT(3, array.shape), "[2, 36, 768]");
    ck_assert_str_eq(SHAPE_TEXT(0, array.shape), "[]");
    ck_assert_str_eq(shape_text(text, 6, 3, array.shape), "[2, 3");
}
END_TEST

/* array[index] of [2, 3, 4], by dtype: the offset is in bytes of that dtype */
static const Dtype part_dtypes[] = { DTYPE_F64, DTYPE_F32, DTYPE_BF16, DTYPE_U8 };

START_TEST(part)
{
    unsigned char bytes[24 * 8];
    Array array = {
        .file = "memory", .name = "array", .dtype = part_dtypes[_i], .rank = 3, .shape = { 2, 3, 4 }, .data = bytes
    };
    Array matrix = array_at(&array, 1), row = array_at(&matrix, 2), value = array_at(&row, 3);
    size_t size = dtype_size(part_dtypes[_i]);
    ck_assert(array_has_shape(&matrix, SHAPE(3, 4)));
    ck_assert(array_has_shape(&row, SHAPE(4)));
    ck_assert_int_eq(value.rank, 0);
    ck_assert_ptr_eq(matrix.data, bytes + 12 * size);
    ck_assert_ptr_eq(row.data, bytes + 20 * size);
    ck_assert_ptr_eq(value.data, bytes + 23 * size);
    ck_assert_ptr_eq(array_at(&array, 0).data, bytes);
    ck_assert_int_eq(matrix.dtype, part_dtypes[_i]);
    ck_assert_str_eq(value.name, "array");
}
END_TEST

enum { LONG = 3000 }; /* several of the blocks in which finiteness is checked */
static const int64_t places[] = { 0, 1023, 1024, LONG - 1 };

START_TEST(one_value_is_not_finite)
{
    static const double bad[] = { NAN, INFINITY, -INFINITY };
    for (int i = 0; i < COUNT(bad); i++) {
        double list[LONG] = { 0 };
        Array array = array_in(list, DTYPE_F64, LONG);
        list[0] = 0x1.fffffffffffffp1023;
        ck_assert(array_is_finite(&array));
        list[places[_i]] = bad[i];
        ck_assert_msg(!array_is_finite(&array), "%g at %lld passes for finite", bad[i], (long long)places[_i]);
    }
}
END_TEST

/* The largest number, the smallest, and what is none, of each dtype; at an odd address, behind and before others */
static const struct {
    Dtype dtype;
    uint64_t bits;
    bool finite;
} extremes[] = {
    { DTYPE_F16, 0x7bff, true },
    { DTYPE_F16, 0x8001, true },
    { DTYPE_F16, 0x7c00, false },
    { DTYPE_F16, 0xfc01, false },
    { DTYPE_BF16, 0xff7f, true },
    { DTYPE_BF16, 0x0001, true },
    { DTYPE_BF16, 0xff80, false },
    { DTYPE_BF16, 0x7fff, false },
    { DTYPE_F32, 0x7f7fffff, true },
    { DTYPE_F32, 0x80000001, true },
    { DTYPE_F32, 0xff800000, false },
    { DTYPE_F32, 0x7f800001, false },
    { DTYPE_F64, 0xffefffffffffffff, true },
    { DTYPE_F64, 0x0000000000000001, true },
    { DTYPE_F64, 0x7ff0000000000000, false },
    { DTYPE_F64, 0xfff0000000000001, false },
    { DTYPE_I32, 0x7f800000, true },
    { DTYPE_U16, 0x7fff, true },
};

START_TEST(finite_by_dtype)
{
    unsigned char bytes[1 + 40 * 8] = { 0 };
    size_t size = dtype_size(extremes[_i].dtype);
    for (size_t place = 0; place < 40; place += 13) {
        memset(bytes, 0, sizeof bytes);
        memcpy(bytes + 1 + place * size, &extremes[_i].bits, size);
        Array array = array_in(bytes + 1, extremes[_i].dtype, 40);
        ck_assert(array_is_finite(&array) == extremes[_i].finite);
    }
}
END_TEST

START_TEST(integers_and_nothing_are_finite)
{
    const int64_t ones = -1;
    ck_assert(array_is_finite(&(Array){ .dtype = DTYPE_I64, .rank = 0, .data = (const unsigned char *)&ones }));
    ck_assert(array_is_finite(&(Array){ .dtype = DTYPE_F32, .rank = 1, .shape = { 0 } }));
}
END_TEST

Suite *array_suite(void)
{
    Suite *suite = suite_create("array");
    TCase *tcase = theme(suite, "widening");
    tcase_add_loop_test(tcase, dtype_is_widened, 0, COUNT(stored));
    tcase_add_test(tcase, every_float16);
    tcase_add_test(tcase, bfloat16_is_the_upper_half_of_float32);
    tcase = theme(suite, "description");
    tcase_add_test(tcase, names);
    tcase_add_test(tcase, shapes);
    tcase_add_loop_test(tcase, part, 0, COUNT(part_dtypes));
    tcase = theme(suite, "finite");
    tcase_add_loop_test(tcase, one_value_is_not_finite, 0, COUNT(places));
    tcase_add_loop_test(tcase, finite_by_dtype, 0, COUNT(extremes));
    tcase_add_test(tcase, integers_and_nothing_are_finite);
    return suite;
}
