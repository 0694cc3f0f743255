/* test_input_codes.c - inputs of products as kernels round them, worked out by hand */
#include "checkpoint/code_grid.h"
#include "nn/nn.h"

#include "helpers.h"

/* A row's largest magnitude is made such that its scale is a power of two. */
static const struct {
    InputCodes codes;
    float scale;
    real x[4], expected[4];
} rows_of_four[] = {
    { INPUTS_INT8_TOKEN_SYM, 0, { 63.5, 0.26, -0.24, 0.25 }, { 63.5, 0.5, 0, 0 } },
    { INPUTS_INT8_TOKEN_SYM, 0, { -127, 1.5, 2.5, 0.4 }, { -127, 2, 2, 0 } },
    { INPUTS_INT8_TOKEN_SYM, 0, { 0, 0, 0, 0 }, { 0, 0, 0, 0 } },
    { INPUTS_INT8_TOKEN_255, 0, { 127.5, -127.5, 0.6, 3 }, { 127, -128, 1, 3 } },
    { INPUTS_INT8_TOKEN, 0, { 255, 0.4, 7.6, 100 }, { 255, 0, 8, 100 } },     /* zero is -128 */
    { INPUTS_INT8_TOKEN, 0, { -127, 128, 0.6, -3.4 }, { -127, 128, 1, -3 } }, /* zero is -1 */
    { INPUTS_INT8_TOKEN, 0, { -255, -0.6, -8.4, -1 }, { -255, -1, -8, -1 } }, /* zero is 127 */
    { INPUTS_INT8_STATIC, 0.5f, { 100, -100, 0.3, 1 }, { 63.5, -64, 0.5, 1 } },
    { INPUTS_FP8_TOKEN, 0, { 448, 17, 19, -0.0005 }, { 448, 16, 20, 0 } },
    { INPUTS_FP8_TOKEN, 0, { -896, 34, 0x1.8p-8, 3.9 }, { -896, 32, 0x1p-7, 4 } },
    { INPUTS_FP8_STATIC, 2, { 2000, -2000, 34, 1 }, { 896, -896, 32, 1 } },
    { INPUTS_F16, 0, { 2049, 2051, 0x1p-25, 1 }, { 2048, 2052, 0, 1 } },
    { INPUTS_PLAIN, 0, { 0.1, 0.2, 0.3, 0.4 }, { 0.1, 0.2, 0.3, 0.4 } },
};

START_TEST(row_is_rounded)
{
    Array weight = { .inputs = rows_of_four[_i].codes, .input_scale = rows_of_four[_i].scale };
    Tensor found = input_codes(values_of(rows_of_four[_i].x, 4), &weight, run_as(ROUNDING_NONE));
    for (int i = 0; i < 4; i++) assert_near(found.data[i], rows_of_four[_i].expected[i], 0, "value", i);
}
END_TEST

/* By every rule; what is beside it stays a number. */
START_TEST(nan_stays_nan)
{
    if (_i == INPUTS_GGML) return;
    Tensor x = view(values(1, NAN, -2, 3), 1, 4);
    Tensor found = input_codes(x, &(Array){ .inputs = (InputCodes)_i, .input_scale = 1 }, run_as(ROUNDING_NONE));
    for (int i = 0; i < 4; i++) ck_assert_int_eq(isnan(found.data[i]) != 0, i == 1);
    ck_assert(found.data[2] < 0 && found.data[3] > 0);
}
END_TEST

/* Two rows, the first a thousand times the second: a scale of its own for each row, or the first's for both */
START_TEST(scale_is_of_row_or_tensor)
{
    Tensor x = view(values(1270, 10, 0, 5, 1.27, 0.01, 0, 0.005), 2, 4);
    const InputCodes of_row[] = { INPUTS_INT8_TOKEN_SYM, INPUTS_FP8_TOKEN };
    const InputCodes of_tensor[] = { INPUTS_INT8_TENSOR, INPUTS_FP8_TENSOR };
    for (int i = 0; i < 2; i++) {
        Tensor rows = input_codes(x, &(Array){ .inputs = of_row[i] }, run_as(ROUNDING_NONE));
        Tensor tensor = input_codes(x, &(Array){ .inputs = of_tensor[i] }, run_as(ROUNDING_NONE));
        assert_near(rows.data[4], 1.27, 1e-6, "of the row", 4);
        ck_assert(fabs((double)tensor.data[4] - 1.27) > 1e-3);
        for (int j = 0; j < 4; j++) assert_near(tensor.data[j], rows.data[j], 0, "of the first row", j);
    }
}
END_TEST

/* Blocks of 32 and 256 have scales of their own; what is left of a row is a block. */
START_TEST(scale_is_of_block)
{
    const struct {
        InputCodes codes;
        int block;
        double largest; /* of a block, so that its scale is 1 */
    } blocks[] = { { INPUTS_Q8_0, 32, 127 }, { INPUTS_Q8_K, 256, -127 } };
    enum { WIDTH = 300 };
    for (int k = 0; k < 2; k++) {
        Tensor x = new_tensor(run_as(ROUNDING_NONE), 1, WIDTH);
        for (int i = 0; i < WIDTH; i++) {
            int block = i / blocks[k].block;
            x.data[i] = (real)(i % blocks[k].block == 3 ? blocks[k].largest : i % 2 ? 2.4 : -2.6) * (real)(1 << block);
        }
        Tensor found = input_codes(x, &(Array){ .inputs = blocks[k].codes }, run_as(ROUNDING_NONE));
        for (int i = 0; i < WIDTH; i++) {
            double code = i % blocks[k].block == 3 ? blocks[k].largest : i % 2 ? 2 : -3;
            assert_near(found.data[i], code * (1 << i / blocks[k].block), 1e-4 * (1 << i / blocks[k].block), "value",
                        i);
        }
    }
}
END_TEST

/* ggml stores q8_0's scale as float16, and divides by it before that. */
START_TEST(scale_of_q8_0_is_float16)
{
    Tensor x = new_tensor(run_as(ROUNDING_NONE), 1, 32);
    for (int i = 0; i < 32; i++) x.data[i] = (real)(i == 0 ? 1 : 0.5);
    Tensor found = input_codes(x, &(Array){ .inputs = INPUTS_Q8_0 }, run_as(ROUNDING_NONE));
    double scale = 0x1.02p-7; /* 1/127 is 1.00000010000001..: of its bits, 10 are left */
    assert_near(found.data[0], 127 * scale, 0, "largest", 0);
    assert_near(found.data[1], 64 * scale, 0, "half", 1);
}
END_TEST

/* The scale of 6 is 1, an e4m3 number; values between two codes go to the nearest, in the middle to the even one. */
START_TEST(fp4_in_groups)
{
    static const double given[] = { 6, 5, 4.9, 3.5, -2.5, 1.75, 1.25, 0.75, 0.26, 0.25, -5.1, 0, 2.6, 3.4, 1.2, 7e-3 };
    static const double expected[] = { 6, 4, 4, 4, -2, 2, 1, 1, 0.5, 0, -6, 0, 3, 3, 1, 0 };
    Tensor x = new_tensor(run_as(ROUNDING_NONE), 1, 32);
    for (int i = 0; i < 32; i++) x.data[i] = (real)(i < 16 ? given[i] : 4 * given[i - 16]);
    Tensor found = input_codes(x, &(Array){ .inputs = INPUTS_FP4_GROUP }, run_as(ROUNDING_NONE));
    for (int i = 0; i < 32; i++) assert_near(found.data[i], i < 16 ? expected[i] : 4 * expected[i - 16], 0, "value", i);
}
END_TEST

/* 0.001 / 6 is below half of e4m3's least number: by itself 0.125 is taken; times a global 1024 it is 0.171875. */
START_TEST(fp4_has_a_global_scale)
{
    Tensor x = new_tensor(run_as(ROUNDING_NONE), 1, 16);
    for (int i = 0; i < 16; i++) x.data[i] = i == 3 ? (real)0.001 : 0;
    Array weight = { .inputs = INPUTS_FP4_GROUP };
    assert_near(input_codes(x, &weight, run_as(ROUNDING_NONE)).data[3], 0, 0, "without", 3);
    weight.input_scale = 1024;
    assert_near(input_codes(x, &weight, run_as(ROUNDING_NONE)).data[3], 6 * 0.171875 / 1024, 0, "with", 3);
}
END_TEST

/* A product with a weight is one with the rounded input, after the class's own rounding. */
START_TEST(product_takes_codes)
{
    Tensor x = random_values(3, 64), w = random_values(5, 64);
    Array weight = array_of(w);
    Run *run = run_as(ROUNDING_NONE);
    weight.inputs = INPUTS_INT8_TOKEN_SYM;
    Tensor rounded = input_codes(x, &weight, run), found = linear(x, &weight, NULL, run);
    weight.inputs = INPUTS_PLAIN;
    assert_tensor(found, linear(rounded, &weight, NULL, run), 0, "product");
    Tensor plain = linear(x, &weight, NULL, run);
    ck_assert(fabs((double)(plain.data[0] - found.data[0])) > 1e-5);
}
END_TEST

/* The number that a code stands for is rounded as weights are, unless the pass is of exact codes. */
START_TEST(codes_are_exact)
{
    unsigned char code = 3;
    float scale = 0x1.000002p0f;
    CodeGrid grid = { .rows = 1, .columns = 1, .bits = 8, .values = integer_values(8, 0, &scratch) };
    grid.codes = (Array){ .dtype = DTYPE_U8, .rank = 2, .shape = { 1, 1 }, .data = &code };
    grid.scales = (Array){ .dtype = DTYPE_F32, .rank = 2, .shape = { 1, 1 }, .data = (unsigned char *)&scale };
    grid.row_group = grid.column_group = 1;
    code_grid_init(&grid);
    Array weight = { .dtype = DTYPE_ENCODED, .rank = 2, .shape = { 1, 1 }, .encoding = &grid.encoding };
    Run *run = run_as(ROUNDING_BF16);
    assert_near(weight_value(run, &weight), 3, 0, "rounded", 0);
    run->exact_codes = true;
    ck_assert(weight_value(run, &weight) == (real)(3.0 * (double)scale) && weight_value(run, &weight) > 3);
    weight = array_of(values(3 * (real)scale));
    assert_near(weight_value(run, &weight), 3, 0, "a plain weight", 0);
}
END_TEST

START_TEST(names)
{
    DeclaredInputs declared = { 0 };
    for (int i = 0; i < INPUTS_COUNT; i++) {
        bool known = i != INPUTS_INT8_STATIC && i != INPUTS_FP8_STATIC;
        const char *name = input_codes_name((InputCodes)i);
        ck_assert_int_eq(input_codes_declare(name, &declared), known);
        if (known) ck_assert(declared.given && declared.inputs == (InputCodes)i && declared.dtype == ROUNDING_NONE);
        if (known) ck_assert_ptr_nonnull(strstr(input_codes_names, name));
    }
    ck_assert(input_codes_declare("int8-token:bf16", &declared) && declared.dtype == ROUNDING_BF16);
    ck_assert(input_codes_declare("int8-token:fp16", &declared) && declared.dtype == ROUNDING_FP16);
    static const char *const unknown[] = { "int4-token", "", "int8-token:", "int8-token:bf17", "int8-toke", ":bf16" };
    for (int i = 0; i < COUNT(unknown); i++) ck_assert(!input_codes_declare(unknown[i], &declared));
}
END_TEST

/* As torchao's 8da4w: the scale 2/255 becomes 0x1.02p-7 and its inverse 127; 1.5 * 127 = 190.5 becomes 190, and 190
 * times the scale, 1.49597, becomes 1.4921875. In float32 it is 191 * 2/255. */
START_TEST(computed_in_bfloat16)
{
    Array weight = { .inputs = INPUTS_INT8_TOKEN, .inputs_dtype = ROUNDING_BF16 };
    const double expected[] = { 2, 1.4921875, 0 };
    Tensor found = input_codes(values(2, 1.5, 0), &weight, run_as(ROUNDING_NONE));
    for (int i = 0; i < 3; i++) assert_near(found.data[i], expected[i], 0, "value", i);
    weight.inputs_dtype = ROUNDING_NONE;
    found = input_codes(values(2, 1.5, 0), &weight, run_as(ROUNDING_NONE));
    assert_near(found.data[1], 191 * 2.0 / 255, 1e-6, "in float32", 1);

    weight = (Array){ .inputs = INPUTS_INT8_TOKEN_SYM, .inputs_dtype = ROUNDING_BF16 };
    found = input_codes(values(1, 0.5), &weight, run_as(ROUNDING_NONE)); /* 1/127 is 0x1.020408p-7 */
    assert_near(found.data[0], 127 * 0x1.02p-7, 0, "by a rounded scale", 0);
}
END_TEST

Suite *input_codes_suite(void)
{
    Suite *suite = suite_create("input_codes");
    TCase *tcase = theme(suite, "rules");
    tcase_add_loop_test(tcase, row_is_rounded, 0, COUNT(rows_of_four));
    tcase_add_loop_test(tcase, nan_stays_nan, 0, INPUTS_COUNT);
    tcase_add_test(tcase, scale_is_of_row_or_tensor);
    tcase_add_test(tcase, scale_is_of_block);
    tcase_add_test(tcase, scale_of_q8_0_is_float16);
    tcase_add_test(tcase, computed_in_bfloat16);
    tcase = theme(suite, "products");
    tcase_add_test(tcase, fp4_in_groups);
    tcase_add_test(tcase, fp4_has_a_global_scale);
    tcase_add_test(tcase, product_takes_codes);
    tcase_add_test(tcase, codes_are_exact);
    tcase_add_test(tcase, names);
    return suite;
}
