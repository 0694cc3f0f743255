/* test_array_layout.c - arrays of few elements, laid out by hand */
#include "dump/array_layout.h"

#include "dumps.h"

static const float counted[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 };

static Array counted_array(int rank, const int64_t *shape)
{
    Array array = {
        .file = "dump", .name = "a", .dtype = DTYPE_F32, .rank = rank, .data = (const unsigned char *)counted
    };
    memcpy(array.shape, shape, (size_t)rank * sizeof *shape);
    return array;
}

static void assert_floats(const Array *array, const float *expected, int64_t count)
{
    ck_assert_int_eq(array_elements(array), count);
    for (int64_t i = 0; i < count; i++) {
        double found;
        array_read_f64(array, i, 1, &found);
        ck_assert_msg(found == (double)expected[i], "place %d: found %g, expected %g", (int)i, found,
                      (double)expected[i]);
    }
}
#define assert_values(array, ...) assert_floats(array, (float[]){ __VA_ARGS__ }, COUNT(((float[]){ __VA_ARGS__ })))

static const struct {
    int rank;
    int64_t shape[5];
    int other_rank;
    int64_t other[5];
    bool fits;
} groups[] = {
    { 3, { 2, 36, 64 }, 4, { 2, 36, 4, 16 }, true },
    { 3, { 2, 36, 64 }, 2, { 72, 64 }, true },
    { 3, { 2, 36, 64 }, 3, { 36, 2, 64 }, false },
    { 3, { 2, 36, 64 }, 3, { 2, 64, 36 }, false },
    { 3, { 2, 36, 64 }, 1, { 2 * 36 * 64 }, true },
    { 3, { 2, 36, 64 }, 5, { 1, 2, 1, 36, 64 }, true },
    { 4, { 1, 12, 4, 16 }, 2, { 12, 64 }, true },
    { 4, { 1, 4, 12, 16 }, 2, { 12, 64 }, false }, /* heads before tokens: a transposition, no regrouping */
    { 4, { 2, 6, 2, 2 }, 3, { 4, 3, 4 }, false },
    { 2, { 2, 3 }, 2, { 2, 4 }, false },
    { 2, { 2, 0 }, 2, { 0, 2 }, false },
    { 2, { 2, 0 }, 2, { 2, 0 }, true },
    { 0, { 0 }, 3, { 1, 1, 1 }, true },
};

START_TEST(regrouped)
{
    Array array = counted_array(groups[_i].rank, groups[_i].shape),
          other = counted_array(groups[_i].other_rank, groups[_i].other);
    ck_assert_int_eq(array_regroups(&array, other.rank, other.shape), groups[_i].fits);
    ck_assert_int_eq(array_regroups(&other, array.rank, array.shape), groups[_i].fits);
}
END_TEST

START_TEST(cut_and_joined)
{
    Array array = counted_array(SHAPE(2, 3, 2));
    Array part = array_cut(&array, 1, 1, 2, &scratch);
    ck_assert(array_has_shape(&part, SHAPE(2, 2, 2)));
    assert_values(&part, 2, 3, 4, 5, 8, 9, 10, 11);
    Array parts[] = { array_cut(&array, 2, 1, 1, &scratch), array_cut(&array, 2, 0, 1, &scratch) };
    Array joined = array_joined(parts, 2, 2, &scratch);
    ck_assert(array_has_shape(&joined, SHAPE(2, 3, 2)));
    assert_values(&joined, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10);
    ck_assert(!arrays_join(&array, &parts[0], 1));
    ck_assert(arrays_join(&array, &parts[0], 2));
}
END_TEST

START_TEST(axes_of_one)
{
    Array array = counted_array(SHAPE(2, 1, 3)), less = array_without_axis(&array, 1), more = array_with_axis(&less, 2);
    ck_assert(array_has_shape(&less, SHAPE(2, 3)));
    ck_assert(array_has_shape(&more, SHAPE(2, 3, 1)));
    ck_assert_int_eq(array_axis(&array, -1), 2);
    ck_assert_int_eq(array_axis(&array, -4), -1);
    ck_assert_int_eq(array_axis(&array, 3), -1);
}
END_TEST

START_TEST(rows_placed)
{
    Array array = counted_array(SHAPE(2, 2)), placed = array_rows_placed(&array, (int64_t[]){ 3, 1 }, 4, &scratch);
    ck_assert(array_has_shape(&placed, SHAPE(4, 2)));
    assert_values(&placed, 0, 0, 2, 3, 0, 0, 0, 1);
}
END_TEST

START_TEST(scaled)
{
    Array array = counted_array(SHAPE(3)), scaled = array_scaled(&array, 0.5, &scratch);
    assert_values(&scaled, 0, 0.5f, 1);
}
END_TEST

static const struct {
    float value, bf16, fp16;
} rounded[] = {
    { 0, 0, 0 },
    { -1, -1, -1 },
    { 1.00390625f, 1, 1.00390625f },         /* a tie in bfloat16: to even */
    { 1.01171875f, 1.015625f, 1.01171875f }, /* the next tie: to even, which is up */
    { 1.99902344f, 2, 1.99902344f },         /* carries into the exponent */
    { 65504, 65536, 65504 },
    { 65520, 65536, INFINITY },
    { 65519, 65536, 65504 },
    { 5.9604645e-8f, 5.9604645e-8f, 5.9604645e-8f }, /* float16's least */
    { 2.9802322e-8f, 2.9802322e-8f, 0 },
    { -INFINITY, -INFINITY, -INFINITY },
    { 3.4e38f, INFINITY, INFINITY },
    { 3.3895314e38f, 3.3895314e38f, INFINITY },
};

START_TEST(cast)
{
    Array array = counted_array(SHAPE(1));
    array.data = (const unsigned char *)&rounded[_i].value;
    Array bf16 = array_cast(&array, DTYPE_BF16, &scratch), fp16 = array_cast(&array, DTYPE_F16, &scratch);
    assert_values(&bf16, rounded[_i].bf16);
    assert_values(&fp16, rounded[_i].fp16);
}
END_TEST

START_TEST(not_cast)
{
    ck_assert(!array_can_be_cast(DTYPE_F32, DTYPE_I64));
    ck_assert(!array_can_be_cast(DTYPE_F32, DTYPE_BOOL));
    ck_assert(array_can_be_cast(DTYPE_I32, DTYPE_I64));
    float nan = NAN;
    double found;
    Array array = counted_array(SHAPE(1));
    array.data = (const unsigned char *)&nan;
    Array bf16 = array_cast(&array, DTYPE_BF16, &scratch);
    array_read_f64(&bf16, 0, 1, &found);
    ck_assert(isnan(found));
    int32_t whole = -7;
    array.data = (const unsigned char *)&whole;
    array.dtype = DTYPE_I32;
    Array wide = array_cast(&array, DTYPE_I64, &scratch);
    ck_assert_int_eq(array_integer(&wide, 0), -7);
}
END_TEST

Suite *array_layout_suite(void)
{
    Suite *suite = suite_create("array_layout");
    TCase *tcase = theme(suite, "layout");
    tcase_add_loop_test(tcase, regrouped, 0, COUNT(groups));
    tcase_add_test(tcase, cut_and_joined);
    tcase_add_test(tcase, axes_of_one);
    tcase_add_test(tcase, rows_placed);
    tcase_add_test(tcase, scaled);
    tcase_add_loop_test(tcase, cast, 0, COUNT(rounded));
    tcase_add_test(tcase, not_cast);
    return suite;
}
