/* test_text_mlp.c - act_fn(gate) * up, then down; twice as wide on shared layers */
#include "gemma4.h"
#include "recording.h"
#include "tiny.h"

#define SHARED "{\"num_kv_shared_layers\": 2, \"use_double_wide_mlp\": true, \"hidden_activation\": \"silu\"}"

static Tensor by(const Tiny *tiny, int layer, const char *name, Tensor x, Run *run)
{
    const char *key = arena_format(&scratch, "model.layers.%d.mlp.%s.weight", layer, name);
    return linear(x, tiny_array(tiny, key), NULL, run);
}

static const struct {
    const char *changes;
    int layer;
    Activation activation;
    int intermediate;
} layers[] = {
    { "{}", 0, GELU_PYTORCH_TANH, TINY_INTERMEDIATE },
    { "{\"hidden_activation\": \"relu\", \"use_double_wide_mlp\": true}", 3, RELU, TINY_INTERMEDIATE },
    { SHARED, 0, SILU, TINY_INTERMEDIATE }, /* it keeps its own */
    { SHARED, 1, SILU, TINY_INTERMEDIATE }, /* it stores */
    { SHARED, 2, SILU, 2 * TINY_INTERMEDIATE },
    { SHARED, 3, SILU, 2 * TINY_INTERMEDIATE },
};

static void assert_layer(int i, Rounding rounding)
{
    Tiny *tiny = tiny_open(layers[i].changes);
    int layer = layers[i].layer;
    Recording taps = { 0 };
    Run *plain = run_as(rounding);
    Tensor x = random_values(2, 3, TINY_HIDDEN);
    Tensor y = gemma4_text_mlp_forward(&tiny->m.model.layers[layer].mlp, x, recording_run(&taps, rounding));

    const char *path = arena_format(&scratch, "model.layers.%d.mlp", layer);
    Tensor gate = by(tiny, layer, "gate_proj", x, plain), up = by(tiny, layer, "up_proj", x, plain);
    ck_assert_int_eq(last(gate), layers[i].intermediate);
    assert_tensor(tap_of(&taps, arena_format(&scratch, "%s.gate_proj", path)), gate, CLOSE, "gate_proj");
    assert_tensor(tap_of(&taps, arena_format(&scratch, "%s.up_proj", path)), up, CLOSE, "up_proj");
    Tensor acted = act_fn_(layers[i].activation, gate, plain);
    assert_tensor(tap_of(&taps, arena_format(&scratch, "%s.act_fn", path)), acted, CLOSE, "act_fn");
    Tensor down = by(tiny, layer, "down_proj", mul_(acted, up, plain), plain);
    assert_tensor(tap_of(&taps, arena_format(&scratch, "%s.down_proj", path)), down, 4 * CLOSE, "down_proj");
    assert_tensor(tap_of(&taps, path), down, 4 * CLOSE, "mlp");
    assert_tensor(y, down, 4 * CLOSE, "result");
    ck_assert_int_eq(taps.count, 5);
    tiny_close(tiny);
}

START_TEST(forward) { assert_layer(_i, ROUNDING_NONE); }
END_TEST

START_TEST(every_operation_is_rounded) { assert_layer(0, ROUNDING_BF16); }
END_TEST

/* A hook's value goes on in place of the one that it saw. */
static void make_zero(const char *name, real *values, int64_t first, int64_t count)
{
    (void)first;
    if (strstr(name, ".act_fn")) memset(values, 0, (size_t)count * sizeof *values);
}

START_TEST(replaced_activation_goes_on)
{
    Tiny *tiny = tiny_open("{}");
    Recording taps = { .replace = make_zero };
    Tensor y = gemma4_text_mlp_forward(&tiny->m.model.layers[0].mlp, random_values(1, 2, TINY_HIDDEN),
                                       recording_run(&taps, ROUNDING_NONE));
    for (int64_t i = 0; i < elements(y); i++) assert_near(y.data[i], 0, 0, "result", i);
    tiny_close(tiny);
}
END_TEST

Suite *text_mlp_suite(void)
{
    Suite *suite = suite_create("text_mlp");
    TCase *tcase = theme(suite, "forward");
    tcase_add_loop_test(tcase, forward, 0, COUNT(layers));
    tcase_add_test(tcase, every_operation_is_rounded);
    tcase_add_test(tcase, replaced_activation_goes_on);
    return suite;
}
