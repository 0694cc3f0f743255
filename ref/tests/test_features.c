/* test_features.c - each rule of arithmetic that a port may choose, on numbers that can be followed by hand */
#include "helpers.h"
#include "nn/nn.h"

static Run *run_with(Rounding rounding, unsigned features)
{
    Run *run = run_as(rounding);
    run->features = features;
    return run;
}

/* 1 + 2^-12 is 1 as a float16, and so is GELU(1) looked up as one. Beyond 10 there is no table. */
START_TEST(gelu_is_looked_up)
{
    const real near_one = (real)(1 + 0x1p-12), beyond = (real)10.001;
    Tensor table = act_fn_(GELU_PYTORCH_TANH, values(near_one, beyond),
                           run_with(ROUNDING_NONE, FEATURE_GELU_TABLE_F16));
    ck_assert_double_eq(table.data[0], 0x1.aecp-1);
    assert_near(table.data[1], beyond, CLOSE, "beyond the table", 1);
    Tensor plain = act_fn_(GELU_PYTORCH_TANH, values(near_one), run_as(ROUNDING_NONE));
    assert_near(plain.data[0], 0.8414563933513877, CLOSE, "without a table", 0);
}
END_TEST

START_TEST(other_activations_have_no_table)
{
    Run *run = run_with(ROUNDING_NONE, FEATURE_GELU_TABLE_F16);
    ck_assert_double_eq(act_fn_(RELU, values((real)(1 + 0x1p-12)), run).data[0], 1 + 0x1p-12);
}
END_TEST

START_TEST(pixels_and_their_weight_are_float16)
{
    Array weight = array_of(view(values((real)(1 + 0x1p-12), 1), 1, 2));
    Tensor x = view(values(1, (real)(2 + 0x1p-11)), 1, 2);
    Run *run = run_with(ROUNDING_NONE, FEATURE_CONV_F16);
    ck_assert_double_eq(linear_of_patches(x, &weight, NULL, run).data[0], 3);
    ck_assert_double_gt(linear(x, &weight, NULL, run).data[0], 3);
    ck_assert_double_gt(linear_of_patches(x, &weight, NULL, run_as(ROUNDING_NONE)).data[0], 3);
}
END_TEST

/* A float16 of 1 has a spacing of 2^-10: adding 2^-11 twice changes nothing, adding their sum does. */
START_TEST(attention_adds_up_in_float16)
{
    Tensor weights = view(values(1, (real)0x1p-11, (real)0x1p-11), 1, 3), value = view(values(1, 1, 1), 3, 1);
    Tensor out = view(values(0), 1, 1);
    matmul(matrix(out), matrix(weights), matrix(value), run_with(ROUNDING_NONE, FEATURE_FLASH_F16_ACCUMULATOR));
    ck_assert_double_eq(out.data[0], 1);
    matmul(matrix(out), matrix(weights), matrix(value), run_as(ROUNDING_NONE));
    ck_assert_double_eq(out.data[0], 1 + 0x1p-10);
}
END_TEST

/* The mean square of 1 and 6 is 18.5; its root's reciprocal is 0.232495 or, as a bfloat16, 0.232422. */
START_TEST(norms_round_inside)
{
    Tensor inside = rms_norm(values(1, 6), NULL, 0, run_with(ROUNDING_BF16, FEATURE_NORMS_IN_DTYPE));
    ck_assert_double_eq(inside.data[1], 0x1.64p0);
    ck_assert_double_eq(rms_norm(values(1, 6), NULL, 0, run_as(ROUNDING_BF16)).data[1], 0x1.66p0);
}
END_TEST

/* One large square and 63 ones, each of which the sum is too large for, when they come one after another. */
START_TEST(norms_add_up_in_one_sum)
{
    Tensor x = random_values(64);
    double large = sizeof(real) == sizeof(float) ? 0x1p12 : 0x1p27;
    for (int i = 0; i < 64; i++) x.data[i] = i == 0 ? (real)large : 1;
    ck_assert_double_eq(rms_norm(x, NULL, 0, run_with(ROUNDING_NONE, FEATURE_SEQUENTIAL_SUMS)).data[0], 8);
    ck_assert_double_lt(rms_norm(x, NULL, 0, run_as(ROUNDING_NONE)).data[0], 8);
}
END_TEST

START_TEST(constants_are_rounded_first)
{
    ck_assert_double_eq(
        scale_(values((real)0x1.02p0), 0.1, run_with(ROUNDING_BF16, FEATURE_CONSTANTS_IN_DTYPE)).data[0], 0x1.9ep-4);
    ck_assert_double_eq(scale_(values((real)0x1.02p0), 0.1, run_as(ROUNDING_BF16)).data[0], 0x1.9cp-4);
}
END_TEST

/* 2^-9 is too small for a bfloat16 of 1, four times one after another as well. */
START_TEST(linear_layers_add_up_in_the_dtype)
{
    const real small = (real)0x1p-9;
    Array weight = array_of(view(values(1, 1, 1, 1, 1), 1, 5));
    Tensor x = view(values(1, small, small, small, small), 1, 5);
    ck_assert_double_eq(linear(x, &weight, NULL, run_with(ROUNDING_BF16, FEATURE_ACCUMULATE_IN_DTYPE)).data[0], 1);
    ck_assert_double_eq(linear(x, &weight, NULL, run_as(ROUNDING_BF16)).data[0], 1 + 0x1p-7);
}
END_TEST

Suite *features_suite(void)
{
    Suite *suite = suite_create("features");
    TCase *each = theme(suite, "each");
    tcase_add_test(each, gelu_is_looked_up);
    tcase_add_test(each, other_activations_have_no_table);
    tcase_add_test(each, pixels_and_their_weight_are_float16);
    tcase_add_test(each, attention_adds_up_in_float16);
    tcase_add_test(each, norms_round_inside);
    tcase_add_test(each, norms_add_up_in_one_sum);
    tcase_add_test(each, constants_are_rounded_first);
    tcase_add_test(each, linear_layers_add_up_in_the_dtype);
    return suite;
}
