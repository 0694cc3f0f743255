/* test_verdict.c - PASS is earned */
#include "grade/verdict.h"

#include "dumps.h"

static const char *const classes[] = { "fp32", "tf32", "fp16", "bf16" };

enum { MANY = 1000000000 }; /* rows, so that one of them is nothing beside the tap */

static double value_of(const ArithmeticClass *class, Gate gate)
{
    const Limits *limits = &class->limits;
    const double of_gate[GATE_COUNT] = {
        1, limits->ratio, limits->row, limits->channel, limits->element, limits->bias
    };
    return of_gate[gate];
}

/* Measurements where each gate but one is at its limit, and that one at so many times its own. */
static Measurement measurement_with(const ArithmeticClass *class, Gate gate, double times)
{
    double value[GATE_COUNT];
    for (Gate g = 0; g < GATE_COUNT; g++) value[g] = value_of(class, g) * (g == gate ? times : 1);
    return (Measurement){ .samples = SAMPLES,
                          .rows = MANY,
                          .non_finite = gate == GATE_FINITE ? (int64_t)times : 0,
                          .ratio = value[GATE_TAP],
                          .row = value[GATE_ROW],
                          .channel = value[GATE_CHANNEL],
                          .element = value[GATE_ELEMENT],
                          .bias = value[GATE_BIAS] };
}

START_TEST(each_gate_closes)
{
    const ArithmeticClass *class = class_find(classes[_i]);
    for (Gate gate = GATE_TAP; gate < GATE_COUNT; gate++) {
        ck_assert_int_eq(verdict_of(class, measurement_with(class, gate, 0)), VERDICT_PASS);
        ck_assert_int_eq(verdict_of(class, measurement_with(class, gate, 1)), VERDICT_PASS);
        ck_assert_int_eq(verdict_of(class, measurement_with(class, gate, 1.001)), VERDICT_FAIL);
        ck_assert_int_eq(verdict_of(class, measurement_with(class, gate, INFINITY)), VERDICT_FAIL);
        ck_assert_int_eq(verdict_of(class, measurement_with(class, gate, NAN)), VERDICT_FAIL);
    }
    ck_assert_int_eq(verdict_of(class, measurement_with(class, GATE_FINITE, 0)), VERDICT_PASS);
    ck_assert_int_eq(verdict_of(class, measurement_with(class, GATE_FINITE, 1)), VERDICT_FAIL);
    ck_assert_int_eq(verdict_of(class, measurement_with(class, GATE_BIAS, -1)), VERDICT_PASS);
    ck_assert_int_eq(verdict_of(class, measurement_with(class, GATE_BIAS, -1.001)), VERDICT_FAIL);
}
END_TEST

/* An honest step is at 1; the least that a bug is known to stand at is 2.1 in a narrow class, 100 in float32. */
START_TEST(limits_with_reasons)
{
    const ArithmeticClass *class = class_find(classes[_i]);
    const Limits *limits = &class->limits;
    bool narrow = class->weights != ROUNDING_NONE;
    ck_assert(limits->ratio > 1 && limits->ratio < (narrow ? 2.1 : 100));
    ck_assert(limits->row > limits->ratio && limits->channel > limits->ratio);
    ck_assert(limits->element >= limits->row && limits->element >= limits->channel);
    ck_assert(!narrow || (limits->element < 10 && limits->bias < 1));
    ck_assert_uint_gt(strlen(limits->reason), 0);
}
END_TEST

/* One row at its limit and the others honest must pass, however few there are; so must one element of a channel. */
START_TEST(limits_of_few_rows)
{
    const ArithmeticClass *class = class_find(classes[_i]);
    const Limits *limits = &class->limits;
    const double whole[] = { limits->ratio, limits->channel }, part[] = { limits->row, limits->element };
    const Gate gates[] = { GATE_TAP, GATE_CHANNEL };
    for (int g = 0; g < COUNT(gates); g++) {
        Measurement m = { .samples = SAMPLES, .rows = 1 };
        assert_near(limit_of(class, &m, gates[g]), part[g], 1e-9, "one row", g);
        assert_near(widening_by_few_rows(class, &m, gates[g]), part[g] / whole[g], 1e-9, "widened", g);
        m.rows = MANY;
        assert_near(limit_of(class, &m, gates[g]), whole[g], 0, "many rows", g);
        assert_near(widening_by_few_rows(class, &m, gates[g]), 1, 0, "not widened", g);
        for (m.rows = 2; m.rows < 4; m.rows++) {
            double sum = part[g] * part[g] + (double)(m.rows - 1);
            assert_near(limit_of(class, &m, gates[g]), fmax(whole[g], sqrt(sum / (double)m.rows)), 1e-9, "rows",
                        m.rows);
        }
    }
}
END_TEST

START_TEST(limits_of_few_samples)
{
    const ArithmeticClass *class = class_find(classes[_i]);
    for (Gate gate = GATE_TAP; gate < GATE_COUNT; gate++) {
        Measurement many = { .samples = 64, .rows = MANY }, eight = { .samples = SAMPLES, .rows = MANY },
                    one = { .samples = 1, .rows = MANY };
        bool parts = gate != GATE_TAP && gate != GATE_ROW;
        assert_near(limit_of(class, &many, gate), limit_of(class, &eight, gate), 0, "more samples", gate);
        assert_near(limit_of(class, &one, gate), limit_of(class, &eight, gate) * (parts ? sqrt(4.5) : 1), 1e-9,
                    "one sample", gate);
    }
}
END_TEST

/* Where replays have a bias themselves, so may a backend. */
START_TEST(limit_of_a_bias)
{
    const ArithmeticClass *class = class_find(classes[_i]);
    Measurement m = measurement_with(class, GATE_BIAS, 1.5);
    ck_assert_int_eq(verdict_of(class, m), VERDICT_FAIL);
    m.honest_bias = class->limits.bias;
    ck_assert_int_eq(verdict_of(class, m), VERDICT_PASS);
    m.honest_bias = NAN;
    ck_assert_int_eq(verdict_of(class, m), VERDICT_FAIL);
}
END_TEST

START_TEST(names)
{
    ck_assert_str_eq(verdict_name(VERDICT_PASS), "pass");
    ck_assert_str_eq(verdict_name(VERDICT_FAIL), "FAIL");
    ck_assert_str_eq(gate_name(GATE_FINITE), "not finite");
    ck_assert_str_eq(gate_name(GATE_BIAS), "bias");
}
END_TEST

Suite *verdict_suite(void)
{
    Suite *suite = suite_create("verdict");
    TCase *tcase = theme(suite, "limits");
    tcase_add_loop_test(tcase, each_gate_closes, 0, COUNT(classes));
    tcase_add_loop_test(tcase, limits_with_reasons, 0, COUNT(classes));
    tcase_add_loop_test(tcase, limits_of_few_rows, 0, COUNT(classes));
    tcase_add_loop_test(tcase, limits_of_few_samples, 0, COUNT(classes));
    tcase_add_loop_test(tcase, limit_of_a_bias, 0, COUNT(classes));
    tcase_add_test(tcase, names);
    return suite;
}
