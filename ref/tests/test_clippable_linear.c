/* test_clippable_linear.c - clamps before and after */
#include "gemma4.h"

#include "helpers.h"

/* Identity, so that only the bounds act: input -1 .. 2, output -0.5 .. inf. */
static Tensor clipped(Tensor x, bool use_clipped_linears, Rounding rounding)
{
    static const real identity[] = { 1, 0, 0, 1 };
    Array weight = array_of((Tensor){ (real *)identity, 2, { 2, 2 } });
    Gemma4ClippableLinear m = { "q_proj", use_clipped_linears, { "q_proj.linear", &weight, NULL }, -1, 0x1.01p1, -0.5,
                                INFINITY };
    return gemma4_clippable_linear_forward(&m, x, run_as(rounding));
}

START_TEST(both_sides_are_clamped)
{
    Tensor x = values(-3, 3), y = clipped(x, true, ROUNDING_NONE);
    ck_assert_double_eq(y.data[0], -0.5);
    ck_assert_double_eq(y.data[1], 0x1.01p1);
    ck_assert_double_eq(x.data[0], -3);
}
END_TEST

START_TEST(bounds_are_weights_and_rounded)
{
    ck_assert_double_eq(clipped(values(0, 3), true, ROUNDING_BF16).data[1], 2);
}
END_TEST

START_TEST(plain_linear)
{
    Tensor y = clipped(values(-3, 3), false, ROUNDING_NONE);
    ck_assert_double_eq(y.data[0], -3);
    ck_assert_double_eq(y.data[1], 3);
}
END_TEST

/* The clamp of the input shows: 3 + 3 would be 6, 2 + 2 is 4. */
START_TEST(input_is_clamped_before_the_product)
{
    Array weight = array_of(view(values(1, 1), 1, 2));
    Gemma4ClippableLinear m = { "q_proj", true, { "q_proj.linear", &weight, NULL }, -1, 2, -100, 100 };
    ck_assert_double_eq(gemma4_clippable_linear_forward(&m, values(3, 3), run_as(ROUNDING_NONE)).data[0], 4);
}
END_TEST

Suite *clippable_linear_suite(void)
{
    Suite *suite = suite_create("clippable_linear");
    TCase *tcase = theme(suite, "forward");
    tcase_add_test(tcase, both_sides_are_clamped);
    tcase_add_test(tcase, bounds_are_weights_and_rounded);
    tcase_add_test(tcase, plain_linear);
    tcase_add_test(tcase, input_is_clamped_before_the_product);
    return suite;
}
