/* test_activation.c - exp, and the activations, against the C library in double */
#include "helpers.h"
#include "nn/exp.h"
#include "nn/nn.h"

static real ulp(double value)
{
    real magnitude = (real)fabs(value);
#ifdef REAL_IS_DOUBLE
    return nextafter(magnitude, INFINITY) - magnitude;
#else
    return nextafterf(magnitude, INFINITY) - magnitude;
#endif
}

/* _i: whether exp multiplies and adds in one rounding */
START_TEST(exp_within_two_ulp)
{
    for (int64_t i = 0; i <= 175 * 4096; i++) {
        real x = (real)(-87 + (double)i / 4096);
        assert_near(real_exp(x, _i), exp(x), 2 * ulp(exp(x)), "exp", i);
    }
}
END_TEST

START_TEST(exp_beyond_its_range)
{
    ck_assert_double_eq(real_exp(0, _i), 1);
    ck_assert_double_eq(real_exp((real)-0.0, _i), 1);
    ck_assert_double_eq(real_exp(-INFINITY, _i), 0);
    ck_assert_double_eq(real_exp(INFINITY, _i), INFINITY);
    ck_assert_double_eq(real_exp(-1000, _i), 0);
    ck_assert_double_eq(real_exp(1000, _i), INFINITY);
    ck_assert_double_eq(real_exp(REAL_LOWEST, _i), 0);
    ck_assert_double_eq(real_exp(-REAL_LOWEST, _i), INFINITY);
    ck_assert_double_nan(real_exp(NAN, _i));
}
END_TEST

static double gelu_pytorch_tanh(double x) { return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); }
static double gelu(double x) { return 0.5 * x * (1 + erf(x / M_SQRT2)); }
static double silu(double x) { return x / (1 + exp(-x)); }
static double quick_gelu(double x) { return x / (1 + exp(-1.702 * x)); }
static double relu(double x) { return fmax(x, 0); }

static const struct {
    const char *name;
    Activation activation;
    double (*definition)(double x);
} activations[] = {
    { "gelu_pytorch_tanh", GELU_PYTORCH_TANH, gelu_pytorch_tanh },
    { "gelu", GELU, gelu },
    { "silu", SILU, silu },
    { "quick_gelu", QUICK_GELU, quick_gelu },
    { "relu", RELU, relu },
};

/* The definitions lose digits below 0, so the tolerance does not shrink with the value. */
START_TEST(follows_its_definition)
{
    enum { POINTS = 20001 };
    Tensor x = new_tensor(run_as(ROUNDING_NONE), POINTS), y = new_tensor(run_as(ROUNDING_NONE), POINTS);
    for (int i = 0; i < POINTS; i++) x.data[i] = y.data[i] = (real)(-12 + i * (24.0 / (POINTS - 1)));
    ck_assert_ptr_eq(act_fn_(activations[_i].activation, y, run_as(ROUNDING_NONE)).data, y.data);
    for (int i = 0; i < POINTS; i++) {
        double expected = activations[_i].definition(x.data[i]);
        assert_near(y.data[i], expected, CLOSE / 4 * (1 + fabs(expected)), activations[_i].name, i);
    }
}
END_TEST

START_TEST(extremes)
{
    Tensor y = values(INFINITY, (real)-0.0, -1e4, 1e4, 0, NAN, -INFINITY);
    act_fn_(activations[_i].activation, y, run_as(ROUNDING_NONE));
    ck_assert_double_eq(y.data[0], INFINITY);
    ck_assert_double_eq(y.data[1], 0);
    ck_assert_double_eq(y.data[2], 0);
    ck_assert_double_eq(y.data[3], (real)1e4);
    ck_assert_double_eq(y.data[4], 0);
    ck_assert_double_nan(y.data[5]);
    ck_assert_msg(signbit(y.data[1]), "-0 became +0");
    if (activations[_i].activation == RELU)
        ck_assert_double_eq(y.data[6], 0);
    else
        ck_assert_double_nan(y.data[6]); /* -inf * 0, as in torch */
}
END_TEST

START_TEST(result_is_rounded)
{
    Tensor y = values((real)0x1.03p0);
    act_fn_(RELU, y, run_as(ROUNDING_BF16));
    ck_assert_double_eq(y.data[0], 0x1.04p0);
}
END_TEST

START_TEST(tanh_of_each)
{
    Tensor x = values(0, 0.5, -2, 30, -30, NAN), y = tensor_clone(x, run_as(ROUNDING_NONE));
    ck_assert_ptr_eq(tanh_(y, run_as(ROUNDING_NONE)).data, y.data);
    for (int i = 0; i < 5; i++) assert_near(y.data[i], tanh((double)x.data[i]), CLOSE / 4, "tanh", i);
    ck_assert_double_nan(y.data[5]);
    ck_assert_double_eq(tanh_(values(0.5), run_as(ROUNDING_BF16)).data[0], 0x1.dap-2);
}
END_TEST

START_TEST(softplus_of_each)
{
    Tensor x = values(0, 0.5, -2, 19, -40, 20.5, 300, NAN), y = softplus(x, run_as(ROUNDING_NONE));
    for (int i = 0; i < 5; i++)
        assert_near(y.data[i], log1p(exp((double)x.data[i])), CLOSE * fmax(1, fabs((double)x.data[i])), "softplus", i);
    ck_assert_double_eq(y.data[5], 20.5);
    ck_assert_double_eq(y.data[6], 300);
    ck_assert_double_nan(y.data[7]);
    ck_assert_double_eq(softplus(values(1), run_as(ROUNDING_BF16)).data[0], 0x1.5p0);
}
END_TEST

START_TEST(glu_of_each)
{
    Tensor x = random_values(3, 2, 34), y = glu(x, run_as(ROUNDING_NONE));
    ck_assert_int_eq(y.rank, 3);
    ck_assert_int_eq(last(y), 17);
    for (int64_t i = 0; i < elements(y); i++) {
        const real *row = x.data + i / 17 * 34;
        assert_near(y.data[i], (double)row[i % 17] / (1 + exp(-(double)row[17 + i % 17])), CLOSE, "glu", i);
    }
    y = glu(view(values(3, 3, 3, -1000, 1000, NAN), 1, 6), run_as(ROUNDING_NONE));
    ck_assert_double_eq(y.data[0], 0);
    ck_assert_double_eq(y.data[1], 3);
    ck_assert_double_nan(y.data[2]);
    ck_assert_double_eq(glu(values(1, (real)0.5), run_as(ROUNDING_BF16)).data[0], 0x1.3ep-1);
}
END_TEST

START_TEST(names)
{
    Activation activation;
    ck_assert_int_eq(COUNT(activations), ACTIVATION_COUNT);
    for (int i = 0; i < COUNT(activations); i++) {
        ck_assert(activation_from_name(activations[i].name, &activation));
        ck_assert_int_eq(activation, activations[i].activation);
        ck_assert_ptr_nonnull(strstr(activation_names, activations[i].name));
    }
    ck_assert(!activation_from_name("mish", &activation));
    ck_assert(!activation_from_name("", &activation));
}
END_TEST

/* HF: x * sigmoid(1.702 x), each of the three rounded; between them lies a block of the loop */
START_TEST(quick_gelu_is_rounded_thrice)
{
    enum { POINTS = 600 };
    Tensor x = random_values(POINTS), one = new_tensor(run_as(ROUNDING_NONE), 1);
    Run *bf16 = run_as(ROUNDING_BF16);
    to_dtype_(x, bf16);
    Tensor y = clamp(x, -INFINITY, INFINITY, bf16);
    act_fn_(QUICK_GELU, y, bf16);
    for (int i = 0; i < POINTS; i++) {
        one.data[0] = (real)1.702 * x.data[i];
        one.data[0] = (real)(1 / (1 + exp(-to_dtype_(one, bf16).data[0])));
        one.data[0] = x.data[i] * to_dtype_(one, bf16).data[0];
        assert_near(y.data[i], to_dtype_(one, bf16).data[0], 0, "quick_gelu", i);
    }
}
END_TEST

Suite *activation_suite(void)
{
    Suite *suite = suite_create("activation");
    TCase *tcase = theme(suite, "exp");
    tcase_add_loop_test(tcase, exp_within_two_ulp, false, true + 1);
    tcase_add_loop_test(tcase, exp_beyond_its_range, false, true + 1);
    tcase = theme(suite, "act_fn");
    tcase_add_loop_test(tcase, follows_its_definition, 0, COUNT(activations));
    tcase_add_loop_test(tcase, extremes, 0, COUNT(activations));
    tcase_add_test(tcase, result_is_rounded);
    tcase_add_test(tcase, quick_gelu_is_rounded_thrice);
    tcase_add_test(tcase, names);
    tcase_add_test(theme(suite, "tanh"), tanh_of_each);
    tcase_add_test(theme(suite, "softplus"), softplus_of_each);
    tcase_add_test(theme(suite, "glu"), glu_of_each);
    return suite;
}
