/* test_arithmetic_class.c - the classes */
#include "grade/arithmetic_class.h"

#include "dumps.h"
#include "run/run.h"

/* output_rounding, in units of what rounding once does to values that are spread evenly over 1 .. 2 */
static const struct {
    const char *name;
    Rounding results, second, weights;
    double roundings;
} classes[] = {
    { "fp32", ROUNDING_NONE, ROUNDING_NONE, ROUNDING_NONE, 4 },
    { "tf32", ROUNDING_TF32, ROUNDING_TF32_CUT, ROUNDING_NONE, 4 },
    { "fp16", ROUNDING_FP16, ROUNDING_FP16, ROUNDING_FP16, 1 },
    { "bf16", ROUNDING_BF16, ROUNDING_BF16, ROUNDING_BF16, 1 },
};

START_TEST(class_of_a_dtype)
{
    enum { COUNT_OF_VALUES = 100000 };
    const ArithmeticClass *class = class_find(classes[_i].name);
    ck_assert_str_eq(class->name, classes[_i].name);
    ck_assert_int_eq(class->results, classes[_i].results);
    ck_assert_int_eq(class->second, classes[_i].second);
    ck_assert_int_eq(class->weights, classes[_i].weights);
    ck_assert_ptr_nonnull(strstr(class_names, class->name));

    double difference = 0, norm = 0;
    for (int i = 0; i < COUNT_OF_VALUES; i++) {
        double exact = 1 + random_bits() / 4294967296.0;
        real rounded = (real)exact;
        round_result(&(Run){ .rounding = class->results }, &rounded, 1);
        difference += pow(rounded - exact, 2);
        norm += exact * exact;
    }
    assert_near(class->output_rounding / sqrt(difference / norm), classes[_i].roundings, 0.05, "output_rounding", _i);
}
END_TEST

START_TEST(no_such_class)
{
    ck_assert_ptr_null(class_find("fp64"));
    ck_assert_ptr_null(class_find("BF16"));
    ck_assert_ptr_null(class_find(""));
}
END_TEST

START_TEST(never_less_than_one_rounding)
{
    const ArithmeticClass *bf16 = class_find("bf16");
    ck_assert_double_eq(noise_floored(bf16, 0, 10), 10 * bf16->output_rounding);
    ck_assert_double_eq(noise_floored(bf16, 3, 10), 3);
    ck_assert_double_eq(noise_floored(bf16, 0, 0), 0);
}
END_TEST

/* The tightest first; with features or without, the next is the same. */
START_TEST(wider_classes)
{
    const ArithmeticClass *class = class_find("fp32");
    for (int i = 0; i < COUNT(classes); i++, class = class_wider(class)) ck_assert_str_eq(class->name, classes[i].name);
    ck_assert_ptr_null(class);
    ck_assert_ptr_eq(class_wider(class_find("fp16+norms-in-dtype")), class_find("bf16"));
}
END_TEST

/* Features change the replays, and nothing that passes or is proven. */
START_TEST(features_leave_the_limits)
{
    const ArithmeticClass *plain = class_find("bf16"), *with = class_find("gemma-bf16");
    ck_assert(with != plain && with->features != 0);
    ck_assert_mem_eq(&with->limits, &plain->limits, sizeof plain->limits);
    ck_assert_mem_eq(&with->roundoffs, &plain->roundoffs, sizeof plain->roundoffs);
}
END_TEST

Suite *arithmetic_class_suite(void)
{
    Suite *suite = suite_create("arithmetic_class");
    TCase *tcase = theme(suite, "class");
    tcase_add_loop_test(tcase, class_of_a_dtype, 0, COUNT(classes));
    tcase_add_test(tcase, no_such_class);
    tcase_add_test(tcase, wider_classes);
    tcase_add_test(tcase, features_leave_the_limits);
    tcase_add_test(tcase, never_less_than_one_rounding);
    return suite;
}
