/* test_text_router.c - which experts a token goes to, and with what weight */
#include "gemma4.h"
#include "recording.h"
#include "tiny.h"

enum { TOKENS = 5, EXPERTS = 6 };

static Tiny *open_experts(int top_k)
{
    return tiny_open(arena_format(&scratch,
                                  "{\"enable_moe_block\": true, \"num_experts\": 6, \"moe_intermediate_size\": 5,"
                                  " \"rms_norm_eps\": 0.01, \"top_k_experts\": %d}",
                                  top_k));
}

#define ROUTER "model.layers.1.router"

/* The whole of it in double: norm * scale * hidden^-0.5, softmax(proj) */
static void naive_probabilities(const Tiny *tiny, const real *x, double *p)
{
    Tensor scale = tiny_weight(tiny, ROUTER ".scale"), proj = tiny_weight(tiny, ROUTER ".proj.weight");
    double squares = 0, sum = 0;
    for (int j = 0; j < TINY_HIDDEN; j++) squares += (double)x[j] * x[j];
    for (int e = 0; e < EXPERTS; e++) {
        double score = 0;
        for (int j = 0; j < TINY_HIDDEN; j++)
            score += x[j] / sqrt(squares / TINY_HIDDEN + 0.01) * scale.data[j] * pow(TINY_HIDDEN, -0.5) *
                     proj.data[e * TINY_HIDDEN + j];
        sum += p[e] = exp(score);
    }
    for (int e = 0; e < EXPERTS; e++) p[e] /= sum;
}

/* How many experts are likelier than e */
static int place_among(const double *p, int e)
{
    int place = 0;
    for (int other = 0; other < EXPERTS; other++) place += p[other] > p[e];
    return place;
}

static const int ks[] = { 1, 2, EXPERTS };

START_TEST(routed)
{
    int k = ks[_i];
    Tiny *tiny = open_experts(k);
    Recording taps = { 0 };
    Tensor x = random_values(TOKENS, TINY_HIDDEN), before = tensor_clone(x, run_as(ROUNDING_NONE));
    Routing routing = gemma4_text_router_forward(&tiny->m.model.layers[1].router, x,
                                                 recording_run(&taps, ROUNDING_NONE));
    ck_assert_int_eq(routing.tokens, TOKENS);
    ck_assert_int_eq(routing.k, k);
    assert_tensor(x, before, 0, "the residual");

    Tensor per_expert_scale = tiny_weight(tiny, ROUTER ".per_expert_scale");
    Tensor probabilities = tap_of(&taps, ROUTER), index = tap_of(&taps, ROUTER "#top_k_index");
    for (int i = 0; i < TOKENS; i++) {
        double p[EXPERTS], sum = 0;
        naive_probabilities(tiny, x.data + i * TINY_HIDDEN, p);
        for (int e = 0; e < EXPERTS; e++) assert_near(probabilities.data[i * EXPERTS + e], p[e], CLOSE, "share", i);
        for (int n = 0; n < k; n++) sum += p[routing.top_k_index[i * k + n]];
        for (int n = 0; n < k; n++) {
            int64_t e = routing.top_k_index[i * k + n];
            ck_assert_int_eq(place_among(p, (int)e), n);
            assert_near(index.data[i * k + n], (double)e, 0, "tap of the choice", i);
            assert_near(routing.top_k_weights.data[i * k + n], p[e] / sum * per_expert_scale.data[e], 4 * CLOSE,
                        "weight", i);
        }
    }
    assert_tensor(tap_of(&taps, ROUTER "#top_k_weights"), routing.top_k_weights, 0, "tap of the weights");
    ck_assert(has_tap(&taps, ROUTER ".norm") && has_tap(&taps, ROUTER ".proj"));
    ck_assert_int_eq(taps.count, 5);
    ck_assert_int_lt(place_of(&taps, ROUTER), place_of(&taps, ROUTER "#top_k_index"));
    ck_assert_int_lt(place_of(&taps, ROUTER "#top_k_index"), place_of(&taps, ROUTER "#top_k_weights"));
    tiny_close(tiny);
}
END_TEST

/* The norm has no weight, and is tapped before scale. */
START_TEST(plain_norm)
{
    Tiny *tiny = open_experts(2);
    Recording taps = { 0 };
    Tensor x = random_values(TOKENS, TINY_HIDDEN);
    gemma4_text_router_forward(&tiny->m.model.layers[1].router, x, recording_run(&taps, ROUNDING_NONE));
    assert_tensor(tap_of(&taps, ROUTER ".norm"), rms_norm(x, NULL, 0.01, run_as(ROUNDING_NONE)), CLOSE, "norm");
    tiny_close(tiny);
}
END_TEST

/* ---------------------------------------------------------------- what a hook replaces decides what follows */

static const real chosen_probabilities[] = { 0.1, 0.05, 0.3, 0.15, 0.25, 0.15 };

static void set_probabilities(const char *name, real *values, int64_t first, int64_t count)
{
    (void)first;
    if (strcmp(name, ROUTER) == 0)
        for (int64_t i = 0; i < count; i++) values[i] = chosen_probabilities[i % EXPERTS];
}

START_TEST(replaced_probabilities_decide)
{
    Tiny *tiny = open_experts(2);
    Tensor scale = tiny_weight(tiny, ROUTER ".per_expert_scale");
    Recording taps = { .replace = set_probabilities };
    Routing routing = gemma4_text_router_forward(&tiny->m.model.layers[1].router, random_values(1, TINY_HIDDEN),
                                                 recording_run(&taps, ROUNDING_NONE));
    ck_assert_int_eq(routing.top_k_index[0], 2);
    ck_assert_int_eq(routing.top_k_index[1], 4);
    assert_near(routing.top_k_weights.data[0], 0.3 / 0.55 * scale.data[2], CLOSE, "weight", 0);
    assert_near(routing.top_k_weights.data[1], 0.25 / 0.55 * scale.data[4], CLOSE, "weight", 1);
    tiny_close(tiny);
}
END_TEST

static void set_choice(const char *name, real *values, int64_t first, int64_t count)
{
    set_probabilities(name, values, first, count);
    if (strcmp(name, ROUTER "#top_k_index") == 0) values[0] = 5, values[1] = 0;
}

START_TEST(replaced_choice_is_followed)
{
    Tiny *tiny = open_experts(2);
    Tensor scale = tiny_weight(tiny, ROUTER ".per_expert_scale");
    Recording taps = { .replace = set_choice };
    Routing routing = gemma4_text_router_forward(&tiny->m.model.layers[1].router, random_values(1, TINY_HIDDEN),
                                                 recording_run(&taps, ROUNDING_NONE));
    ck_assert_int_eq(routing.top_k_index[0], 5);
    ck_assert_int_eq(routing.top_k_index[1], 0);
    assert_near(routing.top_k_weights.data[0], 0.15 / 0.25 * scale.data[5], CLOSE, "weight", 0);
    assert_near(routing.top_k_weights.data[1], 0.1 / 0.25 * scale.data[0], CLOSE, "weight", 1);
    tiny_close(tiny);
}
END_TEST

static void set_weights(const char *name, real *values, int64_t first, int64_t count)
{
    (void)first;
    if (strcmp(name, ROUTER "#top_k_weights") == 0)
        for (int64_t i = 0; i < count; i++) values[i] = 7;
}

START_TEST(replaced_weights_go_on)
{
    Tiny *tiny = open_experts(2);
    Recording taps = { .replace = set_weights };
    Routing routing = gemma4_text_router_forward(&tiny->m.model.layers[1].router, random_values(1, TINY_HIDDEN),
                                                 recording_run(&taps, ROUNDING_NONE));
    ck_assert_double_eq(routing.top_k_weights.data[1], 7);
    tiny_close(tiny);
}
END_TEST

/* ---------------------------------------------------------------- rounding */

static bool is_bf16(real value)
{
    Tensor copy = values(value);
    return to_dtype_(copy, run_as(ROUNDING_BF16)).data[0] == value;
}

/* Up to proj everything is rounded, each product by itself; from the softmax on nothing is but per_expert_scale. */
START_TEST(float32_from_the_softmax_on)
{
    Tiny *tiny = open_experts(2);
    Recording taps = { 0 };
    Run *run = run_as(ROUNDING_BF16);
    Tensor x = random_values(TOKENS, TINY_HIDDEN);
    Routing routing = gemma4_text_router_forward(&tiny->m.model.layers[1].router, x,
                                                 recording_run(&taps, ROUNDING_BF16));
    Tensor scaled = mul_row_(rms_norm(x, NULL, 0.01, run), tiny_array(tiny, ROUTER ".scale"), run);
    Tensor scores = linear(scale_(scaled, pow(TINY_HIDDEN, -0.5), run), tiny_array(tiny, ROUTER ".proj.weight"), NULL,
                           run);
    assert_tensor(tap_of(&taps, ROUTER ".proj"), scores, 0, "proj");

    Tensor probabilities = tap_of(&taps, ROUTER), scale = tiny_weight(tiny, ROUTER ".per_expert_scale");
    to_dtype_(scale, run);
    int coarse = 0;
    for (int i = 0; i < TOKENS * EXPERTS; i++) coarse += is_bf16(probabilities.data[i]);
    ck_assert_int_lt(coarse, TOKENS * EXPERTS / 2);
    for (int i = 0; i < TOKENS; i++) {
        const real *p = probabilities.data + i * EXPERTS;
        const int64_t *index = routing.top_k_index + 2 * i;
        for (int n = 0; n < 2; n++)
            assert_near(routing.top_k_weights.data[2 * i + n],
                        p[index[n]] / (p[index[0]] + p[index[1]]) * scale.data[index[n]], CLOSE, "weight", i);
    }
    tiny_close(tiny);
}
END_TEST

Suite *text_router_suite(void)
{
    Suite *suite = suite_create("text_router");
    TCase *tcase = theme(suite, "forward");
    tcase_add_loop_test(tcase, routed, 0, COUNT(ks));
    tcase_add_test(tcase, plain_norm);
    tcase_add_test(tcase, float32_from_the_softmax_on);
    tcase = theme(suite, "replaced");
    tcase_add_test(tcase, replaced_probabilities_decide);
    tcase_add_test(tcase, replaced_choice_is_followed);
    tcase_add_test(tcase, replaced_weights_go_on);
    return suite;
}
