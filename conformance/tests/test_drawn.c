/* test_drawn.c - every pass draws as many random bits as the others, tap by tap, which shards of a grade rest on */
#include "dumps.h"

typedef struct {
    uint32_t drawn[4096]; /* behind each tap */
    int taps;
} Drawn;

typedef struct {
    Model *model;
    Inputs inputs;
} Opened;

static void note_drawn(void *context, const Tap *tap)
{
    Drawn *seen = context;
    ck_assert_int_lt(seen->taps, COUNT(seen->drawn));
    seen->drawn[seen->taps++] = *tap->drawn;
}

static Drawn drawn_by(const Opened *o, Pass pass)
{
    Drawn seen = { .taps = 0 };
    pass.results = pass.weights = ROUNDING_BF16;
    pass.ignore_eos = true;
    pass.hook = note_drawn;
    pass.hook_context = &seen;
    reference_f32.forward(o->model, &o->inputs, &pass);
    return seen;
}

static const struct {
    const char *folder;
    InputCodes cache;
    int tokens;
} cases[] = {
    { "fixtures/26b-a4b", INPUTS_PLAIN, 3 }, /* prompts of several lengths */
    { "fixtures/quantised/e2b-fp8-cache", INPUTS_FP8_STATIC, 3 },
    { "fixtures/quantised/e2b-fp8-cache", INPUTS_Q8_0, 0 },
    { "fixtures/e2b-vision", INPUTS_PLAIN, 0 },
    { "fixtures/e2b-audio", INPUTS_PLAIN, 0 },
    { "fixtures/12b-image", INPUTS_PLAIN, 0 },
};

START_TEST(each_pass_draws_alike)
{
    Error error = { "" };
    Opened o = { .model = model_open(arena_format(&scratch, "%s/model", cases[_i].folder), &error),
                 .inputs = inputs_open(arena_format(&scratch, "%s/inputs.safetensors", cases[_i].folder), &error) };
    assert_clean(&error);
    Pass pass = { .cache = cases[_i].cache, .max_new_tokens = cases[_i].tokens };
    Drawn nearest = drawn_by(&o, pass);
    ck_assert_uint_gt(nearest.drawn[nearest.taps - 1], 0);
    pass.seed = 3;
    for (int way = 0; way < 4; way++) {
        pass.exact_codes = way & 1;
        pass.near_ties = way & 2;
        Drawn found = drawn_by(&o, pass);
        ck_assert_int_eq(found.taps, nearest.taps);
        for (int i = 0; i < found.taps; i++) ck_assert_uint_eq(found.drawn[i], nearest.drawn[i]);
    }
    inputs_close(&o.inputs);
    model_close(o.model);
}
END_TEST

Suite *drawn_suite(void)
{
    Suite *suite = suite_create("drawn");
    tcase_add_loop_test(theme(suite, "random bits"), each_pass_draws_alike, 0, COUNT(cases));
    return suite;
}
