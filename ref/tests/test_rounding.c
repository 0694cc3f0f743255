/* test_rounding.c - to nearest, ties to even; expected are exact bit patterns */
#include <stdlib.h>

#include "helpers.h"

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float value_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float rounded(Rounding rounding, float value)
{
    Run run = { .rounding = rounding };
    real result = value;
    if (rounding == ROUNDING_TF32)
        round_factor(&run, &result, 1);
    else
        round_result(&run, &result, 1);
    return (float)result;
}

/* Both signs of it. */
static void assert_rounds(Rounding rounding, float from, float to)
{
    for (int sign = 1; sign >= -1; sign -= 2) {
        float found = rounded(rounding, (float)sign * from), expected = (float)sign * to;
        if (bits_of(found) != bits_of(expected))
            ck_abort_msg("%a: found %a, expected %a", (float)sign * from, found, expected);
    }
}

static const struct {
    Rounding rounding;
    float from, to;
} examples[] = {
    { ROUNDING_BF16, 1, 1 },
    { ROUNDING_BF16, 0, 0 },
    { ROUNDING_BF16, 0x1.01p0f, 0x1.00p0f },     /* a tie, down to even */
    { ROUNDING_BF16, 0x1.03p0f, 0x1.04p0f },     /* a tie, up to even */
    { ROUNDING_BF16, 0x1.010002p0f, 0x1.02p0f }, /* just above a tie */
    { ROUNDING_BF16, 0x1.02fffep0f, 0x1.02p0f }, /* just below one */
    { ROUNDING_BF16, 0x1.ffp0f, 2 },             /* into the next exponent */
    { ROUNDING_BF16, 0x1p-149f, 0 },
    { ROUNDING_BF16, 0x1p-133f, 0x1p-133f },
    { ROUNDING_BF16, 0x1.8p-133f, 0x1p-132f },
    { ROUNDING_BF16, 0x1.fep127f, 0x1.fep127f },
    { ROUNDING_BF16, 0x1.ff0p127f, INFINITY },
    { ROUNDING_BF16, 0x1.fefffep127f, 0x1.fep127f },
    { ROUNDING_BF16, INFINITY, INFINITY },
    { ROUNDING_FP16, 1, 1 },
    { ROUNDING_FP16, 0, 0 },
    { ROUNDING_FP16, 0x1.002p0f, 0x1.000p0f },
    { ROUNDING_FP16, 0x1.006p0f, 0x1.008p0f },
    { ROUNDING_FP16, 65504, 65504 },
    { ROUNDING_FP16, 65519.99f, 65504 },
    { ROUNDING_FP16, 65520, INFINITY },
    { ROUNDING_FP16, 1e30f, INFINITY },
    { ROUNDING_FP16, 0x1p-14f, 0x1p-14f },
    { ROUNDING_FP16, 0x1.ff8p-15f, 0x1.ff8p-15f },
    { ROUNDING_FP16, 0x1.ffcp-15f, 0x1p-14f }, /* from the largest subnormal into the smallest normal */
    { ROUNDING_FP16, 0x1p-24f, 0x1p-24f },
    { ROUNDING_FP16, 0x1p-25f, 0 },
    { ROUNDING_FP16, 0x1.000002p-25f, 0x1p-24f },
    { ROUNDING_FP16, 0x1.8p-24f, 0x1p-23f },
    { ROUNDING_FP16, 0x1p-149f, 0 },
    { ROUNDING_FP16, INFINITY, INFINITY },
    { ROUNDING_TF32, 0x1.002p0f, 0x1.000p0f },
    { ROUNDING_TF32, 0x1.006p0f, 0x1.008p0f },
    { ROUNDING_TF32, 0x1.002002p0f, 0x1.004p0f },
    { ROUNDING_TF32, 1e30f, 0x1.94p99f },
    { ROUNDING_TF32, 0x1.8p-136f, 0x1p-135f },
    { ROUNDING_TF32, INFINITY, INFINITY },
    { ROUNDING_NONE, 0x1.000002p0f, 0x1.000002p0f },
};

START_TEST(example) { assert_rounds(examples[_i].rounding, examples[_i].from, examples[_i].to); }
END_TEST

/* Between each two neighbours lies one tie, which goes to the even one; its own neighbours go where they are nearer. */
static void assert_rounds_between(Rounding rounding, float low, float high, bool low_is_even, float tie)
{
    assert_rounds(rounding, low, low);
    assert_rounds(rounding, tie, low_is_even ? low : high);
    assert_rounds(rounding, nextafterf(tie, 0), low);
    assert_rounds(rounding, nextafterf(tie, INFINITY), high);
}

START_TEST(every_bfloat16)
{
    for (uint32_t bits = 0; bits < 0x7f80; bits++)
        assert_rounds_between(ROUNDING_BF16, value_of(bits << 16), value_of((bits + 1) << 16), bits % 2 == 0,
                              value_of((bits << 16) + 0x8000));
}
END_TEST

static float from_fp16(uint32_t bits)
{
    int exponent = (int)(bits >> 10);
    if (exponent == 31) return INFINITY;
    return exponent ? ldexpf((float)(1024 + bits % 1024), exponent - 25) : ldexpf((float)bits, -24);
}

START_TEST(every_float16)
{
    for (uint32_t bits = 0; bits < 0x7c00; bits++) {
        float low = from_fp16(bits), high = from_fp16(bits + 1);
        assert_rounds_between(ROUNDING_FP16, low, high, bits % 2 == 0, isinf(high) ? 65520 : (low + high) / 2);
    }
}
END_TEST

START_TEST(nan_stays_nan)
{
    static const Rounding roundings[] = { ROUNDING_NONE, ROUNDING_TF32, ROUNDING_FP16, ROUNDING_BF16 };
    static const uint32_t nans[] = { 0x7fc00000, 0xffc00000, 0x7f800001, 0x7fffffff, 0xffffffff };
    for (int i = 0; i < COUNT(nans); i++)
        ck_assert_msg(isnan(rounded(roundings[_i], value_of(nans[i]))), "NaN %08x became a number", nans[i]);
}
END_TEST

START_TEST(tf32_rounds_factors_only)
{
    const real fine = (real)0x1.000002p0;
    real result = fine, factor = fine;
    Run *tf32 = run_as(ROUNDING_TF32), *bf16 = run_as(ROUNDING_BF16);
    ck_assert(rounds_factors(tf32) && !rounds_factors(bf16));
    round_result(tf32, &result, 1);
    round_factor(bf16, &factor, 1);
    ck_assert_double_eq(result, fine);
    ck_assert_double_eq(factor, fine);
}
END_TEST

START_TEST(weights_round_apart_from_results)
{
    Run *run = run_as(ROUNDING_NONE);
    Array weight = array_of(values(1, (real)0x1.01p0, (real)0x1.03p0));
    real read[2];
    read_weight(run, &weight, 1, 2, read);
    ck_assert_double_eq(read[1], 0x1.03p0);
    ck_assert_double_eq(weight_scalar(run, 0x1.03p0), 0x1.03p0);

    run->weights = ROUNDING_BF16;
    read_weight(run, &weight, 1, 2, read);
    ck_assert_double_eq(read[0], 1);
    ck_assert_double_eq(read[1], 0x1.04p0);
    ck_assert_double_eq(weight_scalar(run, 0x1.03p0), 0x1.04p0);
    ck_assert_double_eq(weight_scalar(run, -INFINITY), -INFINITY);
    real result = (real)0x1.03p0;
    round_result(run, &result, 1);
    ck_assert_double_eq(result, 0x1.03p0);
}
END_TEST

/* ---------------------------------------------------------------- at random */

static const struct {
    Rounding rounding;
    double unit; /* between the neighbours of what is near 1 */
} at_random[] = {
    { ROUNDING_NONE, 0x1p-23 },
    { ROUNDING_TF32, 0x1p-10 },
    { ROUNDING_FP16, 0x1p-10 },
    { ROUNDING_BF16, 0x1p-7 },
};

static float rounded_at_random(Rounding rounding, Random *random, float value)
{
    Run run = { .rounding = rounding, .random = random };
    real result = value;
    if (rounding == ROUNDING_TF32)
        round_factor(&run, &result, 1);
    else
        round_result(&run, &result, 1);
    return (float)result;
}

/* To one of the two neighbours, and on average nowhere; squared, twice what rounding to nearest is off by. In float32,
 * where the result was rounded already, as much more again. */
START_TEST(either_neighbour_and_no_bias)
{
    enum { DRAWS = 200000 };
    Random random = random_of(3);
    double unit = at_random[_i].unit, sum = 0, squares = 0;
    for (int i = 0; i < DRAWS; i++) {
        double exact = 1 + random_bits() / 4294967296.0;
        double error = (rounded_at_random(at_random[_i].rounding, &random, (float)exact) - exact) / unit;
        sum += error;
        squares += error * error;
        ck_assert_msg(fabs(error) < (at_random[_i].rounding == ROUNDING_NONE ? 1.51 : 1), "%a is %g off", exact, error);
    }
    assert_near(sum / DRAWS, 0, 0.005, "mean", _i);
    assert_near(squares / DRAWS, 1.0 / 6, 0.005, "mean square", _i);
}
END_TEST

/* Near ties alone: off by as much as rounding to nearest is, half a unit at most and 1/64 beside ties. */
START_TEST(either_neighbour_of_near_ties)
{
    enum { DRAWS = 200000 };
    Rounding rounding = at_random[_i].rounding;
    Random random = random_of(3), near_ties = random_of(3);
    near_ties.near_ties = true;
    double unit = at_random[_i].unit, squares = 0, most = 0;
    int up = 0, ties = 0;
    for (int i = 0; i < DRAWS; i++) {
        double exact = 1 + random_bits() / 4294967296.0, units = exact / unit;
        float found = rounded_at_random(rounding, &near_ties, (float)exact);
        if (rounding == ROUNDING_NONE) /* a float32 was rounded before */
            ck_assert_float_eq(found, rounded_at_random(rounding, &random, (float)exact));
        most = fmax(most, fabs(found / unit - units));
        squares += (found / unit - units) * (found / unit - units);
        bool tie = fabs(units - floor(units) - 0.5) < 1.0 / 128;
        ties += tie;
        up += tie && found / unit > units;
    }
    if (rounding == ROUNDING_NONE) return;
    ck_assert(most > 0.5 && most < 0.5 + 1.0 / 63);
    assert_near(squares / DRAWS, 1.0 / 12, 0.001, "mean square", _i);
    assert_near((double)up / ties, 0.5, 0.05, "share of ties", _i);
}
END_TEST

/* A value that needs no rounding gets none; but a float32 goes to a neighbour now and then. */
START_TEST(exact_stays_exact)
{
    static const float exact[] = { 0, -0.0f, 1, -1.5f, 0x1p-24f, 0x1p15f, INFINITY, -INFINITY };
    Random random = random_of(1);
    for (int i = 0; i < COUNT(exact); i++)
        for (int draw = 0; draw < 100; draw++) {
            float found = rounded_at_random(at_random[_i].rounding, &random, exact[i]);
            bool kept = bits_of(found) == bits_of(exact[i]);
            bool next = abs((int)(bits_of(found) - bits_of(exact[i]))) == 1;
            bool moves = at_random[_i].rounding == ROUNDING_NONE && exact[i] != 0 && isfinite(exact[i]);
            ck_assert_msg(kept || (moves && next), "%a became %a", exact[i], found);
        }
    ck_assert(isnan(rounded_at_random(at_random[_i].rounding, &random, NAN)));
}
END_TEST

START_TEST(fp16_at_its_ends)
{
    Random random = random_of(1);
    double sum = 0;
    for (int i = 0; i < 10000; i++) {
        ck_assert_double_eq(rounded_at_random(ROUNDING_FP16, &random, -65519), -65504);
        ck_assert_double_eq(rounded_at_random(ROUNDING_FP16, &random, 65536), INFINITY);
        float subnormal = rounded_at_random(ROUNDING_FP16, &random, -0x1.4p-23f);
        ck_assert(subnormal == -0x1p-23f || subnormal == -0x1.8p-23f);
        sum += subnormal;
    }
    assert_near(sum / 10000, -0x1.4p-23, 0x1p-29, "mean", 0);
}
END_TEST

/* The same bits from a seed however the values come in parts, other bits from another. */
START_TEST(seeds)
{
    Tensor whole = random_values(1000), parts = random_values(1000), other = random_values(1000);
    memcpy(parts.data, whole.data, 1000 * sizeof(real));
    memcpy(other.data, whole.data, 1000 * sizeof(real));
    Random first = random_of(7), again = random_of(7), another = random_of(8);
    round_result(&(Run){ .rounding = ROUNDING_BF16, .random = &first }, whole.data, 1000);
    for (int i = 0; i < 1000; i += 8) {
        round_result(&(Run){ .rounding = ROUNDING_BF16, .random = &again }, parts.data + i, 3);
        round_result(&(Run){ .rounding = ROUNDING_BF16, .random = &again }, parts.data + i + 3, 5);
    }
    round_result(&(Run){ .rounding = ROUNDING_BF16, .random = &another }, other.data, 1000);
    int different = 0;
    for (int i = 0; i < 1000; i++) {
        assert_near(parts.data[i], whole.data[i], 0, "in parts", i);
        different += other.data[i] != whole.data[i];
    }
    ck_assert(different > 200 && different < 500); /* 1 in 3 */
}
END_TEST

START_TEST(factors_cut_off)
{
    Run *run = run_as(ROUNDING_TF32_CUT);
    real factors[] = { (real)0x1.007ffep0, (real)-0x1.007ffep0, 1, INFINITY, NAN }, result = (real)0x1.000002p0;
    ck_assert(rounds_factors(run));
    round_factor(run, factors, COUNT(factors));
    round_result(run, &result, 1);
    ck_assert_double_eq(factors[0], 0x1.004p0);
    ck_assert_double_eq(factors[1], -0x1.004p0);
    ck_assert_double_eq(factors[2], 1);
    ck_assert(isinf(factors[3]) && isnan(factors[4]));
    ck_assert_double_eq(result, (real)0x1.000002p0);
}
END_TEST

START_TEST(weights_are_not_random)
{
    Random random = random_of(1);
    Run run = { .rounding = ROUNDING_BF16, .weights = ROUNDING_BF16, .random = &random };
    Array weight = array_of(values((real)0x1.01p0));
    for (int i = 0; i < 100; i++) ck_assert_double_eq(weight_value(&run, &weight), 1);
}
END_TEST

START_TEST(lowest_of_each_dtype)
{
    ck_assert_double_eq(dtype_min(run_as(ROUNDING_NONE)), REAL_LOWEST);
    ck_assert_double_eq(dtype_min(run_as(ROUNDING_TF32)), REAL_LOWEST);
    ck_assert_double_eq(dtype_min(run_as(ROUNDING_FP16)), -65504);
    ck_assert_double_eq(dtype_min(run_as(ROUNDING_BF16)), -0x1.fep127);
}
END_TEST

Suite *rounding_suite(void)
{
    Suite *suite = suite_create("rounding");
    TCase *tcase = theme(suite, "value");
    tcase_add_loop_test(tcase, example, 0, COUNT(examples));
    tcase_add_test(tcase, every_bfloat16);
    tcase_add_test(tcase, every_float16);
    tcase_add_loop_test(tcase, nan_stays_nan, 0, 4);
    tcase = theme(suite, "at random");
    tcase_add_loop_test(tcase, either_neighbour_and_no_bias, 0, COUNT(at_random));
    tcase_add_loop_test(tcase, either_neighbour_of_near_ties, 0, COUNT(at_random));
    tcase_add_loop_test(tcase, exact_stays_exact, 0, COUNT(at_random));
    tcase_add_test(tcase, fp16_at_its_ends);
    tcase_add_test(tcase, seeds);
    tcase_add_test(tcase, factors_cut_off);
    tcase_add_test(tcase, weights_are_not_random);
    tcase = theme(suite, "run");
    tcase_add_test(tcase, tf32_rounds_factors_only);
    tcase_add_test(tcase, weights_round_apart_from_results);
    tcase_add_test(tcase, lowest_of_each_dtype);
    return suite;
}
