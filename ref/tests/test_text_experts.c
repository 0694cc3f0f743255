/* test_text_experts.c - each token through the experts it was sent to */
#include "gemma4.h"
#include "recording.h"
#include "tiny.h"

enum { TOKENS = 4, EXPERTS = 5, WIDTH = 7 };

#define PATH "model.layers.2.experts"

static Tiny *open_experts(const char *activation)
{
    return tiny_open(arena_format(&scratch,
                                  "{\"enable_moe_block\": true, \"num_experts\": 5, \"moe_intermediate_size\": 7,"
                                  " \"top_k_experts\": 1, \"hidden_activation\": \"%s\"}",
                                  activation));
}

/* Token i goes to experts index[i]; no token goes to expert 3. */
static const struct {
    const char *activation;
    int64_t k, index[TOKENS * EXPERTS];
} routings[] = {
    { "silu", 1, { 4, 0, 4, 2 } },
    { "silu", 2, { 4, 0, 1, 2, 4, 1, 2, 0 } },
    { "relu", 2, { 4, 0, 1, 2, 4, 1, 2, 0 } },
    { "silu", 5, { 0, 1, 2, 3, 4, 4, 3, 2, 1, 0, 1, 0, 3, 2, 4, 2, 4, 1, 0, 3 } },
};

static double act(const char *activation, double x)
{
    return strcmp(activation, "relu") == 0 ? fmax(x, 0) : x / (1 + exp(-x));
}

/* down_proj(act_fn(gate) * up), the gate above in gate_up_proj and up below */
static double naive(const char *activation, Tensor gate_up, Tensor down, int64_t expert, const real *x, int out)
{
    const real *g = gate_up.data + expert * 2 * WIDTH * TINY_HIDDEN, *d = down.data + expert * TINY_HIDDEN * WIDTH;
    double sum = 0;
    for (int w = 0; w < WIDTH; w++) {
        double gate = 0, up = 0;
        for (int j = 0; j < TINY_HIDDEN; j++) {
            gate += (double)g[w * TINY_HIDDEN + j] * x[j];
            up += (double)g[(WIDTH + w) * TINY_HIDDEN + j] * x[j];
        }
        sum += act(activation, gate) * up * d[out * WIDTH + w];
    }
    return sum;
}

START_TEST(weighted_sum)
{
    Tiny *tiny = open_experts(routings[_i].activation);
    Tensor gate_up = tiny_weight(tiny, PATH ".gate_up_proj"), down = tiny_weight(tiny, PATH ".down_proj");
    int64_t k = routings[_i].k, index[TOKENS * EXPERTS];
    memcpy(index, routings[_i].index, sizeof index);
    Tensor x = random_values(TOKENS, TINY_HIDDEN), weights = random_values(TOKENS, k);
    Recording taps = { 0 };
    Tensor y = gemma4_text_experts_forward(&tiny->m.model.layers[2].experts, x, (Routing){ TOKENS, k, weights, index },
                                           recording_run(&taps, ROUNDING_NONE));
    assert_tensor(tap_of(&taps, PATH), y, 0, "tap");
    ck_assert_int_eq(taps.count, 1);
    ck_assert_mem_eq(y.shape, ((int64_t[]){ TOKENS, TINY_HIDDEN }), 2 * sizeof *y.shape);
    for (int i = 0; i < TOKENS; i++)
        for (int j = 0; j < TINY_HIDDEN; j++) {
            double expected = 0;
            for (int n = 0; n < k; n++)
                expected += weights.data[i * k + n] * naive(routings[_i].activation, gate_up, down, index[i * k + n],
                                                            x.data + i * TINY_HIDDEN, j);
            assert_near(y.data[i * TINY_HIDDEN + j], expected, 8 * CLOSE, "sum", i);
        }
    tiny_close(tiny);
}
END_TEST

/* Two tokens a step apart in bfloat16, so that the places of rounding show: each product with a weight is rounded, and
 * each sum, the experts in the order of their numbers and not of their places. */
START_TEST(rounded_where_torch_rounds)
{
    Tiny *tiny = open_experts("silu");
    const Gemma4TextExperts *m = &tiny->m.model.layers[2].experts;
    Run *run = run_as(ROUNDING_BF16);
    Tensor x = to_dtype_(random_values(TOKENS, TINY_HIDDEN), run), weights = random_values(TOKENS, 3);
    int64_t index[] = { 4, 0, 2, 1, 3, 0, 2, 4, 1, 0, 1, 2 };
    Tensor y = gemma4_text_experts_forward(m, x, (Routing){ TOKENS, 3, weights, index }, run);
    for (int i = 0; i < TOKENS; i++) {
        Tensor row = view(narrow(x, 0, i, 1, run), 1, TINY_HIDDEN), sum = new_tensor(run, 1, TINY_HIDDEN);
        memset(sum.data, 0, TINY_HIDDEN * sizeof(real));
        for (int64_t expert = 0; expert < EXPERTS; expert++)
            for (int n = 0; n < 3; n++) {
                if (index[3 * i + n] != expert) continue;
                Array gate_up_proj = array_at(m->gate_up_proj, expert), down_proj = array_at(m->down_proj, expert);
                Tensor gate_up = linear(row, &gate_up_proj, NULL, run);
                Tensor gate = act_fn_(SILU, narrow(gate_up, 1, 0, WIDTH, run), run);
                Tensor product = mul_(gate, narrow(gate_up, 1, WIDTH, WIDTH, run), run);
                add_(sum, scale_(linear(product, &down_proj, NULL, run), weights.data[3 * i + n], run), run);
            }
        assert_tensor(view(narrow(y, 0, i, 1, run), 1, TINY_HIDDEN), sum, 0, "row");
    }
    tiny_close(tiny);
}
END_TEST

START_TEST(no_tokens)
{
    Tiny *tiny = open_experts("silu");
    Tensor none = new_tensor(run_as(ROUNDING_NONE), 0, TINY_HIDDEN), weights = new_tensor(run_as(ROUNDING_NONE), 0, 1);
    Tensor y = gemma4_text_experts_forward(&tiny->m.model.layers[2].experts, none, (Routing){ 0, 1, weights, NULL },
                                           run_as(ROUNDING_NONE));
    ck_assert_int_eq(elements(y), 0);
    tiny_close(tiny);
}
END_TEST

Suite *text_experts_suite(void)
{
    Suite *suite = suite_create("text_experts");
    TCase *tcase = theme(suite, "forward");
    tcase_add_loop_test(tcase, weighted_sum, 0, COUNT(routings));
    tcase_add_test(tcase, rounded_where_torch_rounds);
    tcase_add_test(tcase, no_tokens);
    return suite;
}
