/* test_for_causal_lm.c - the language modeling head: tied or its own, for the last tokens or all, soft-capped */
#include "gemma4.h"
#include "tiny.h"

enum { BATCH = 2, SEQ = 4 };

static Tensor forward(const Tiny *tiny, int64_t logits_to_keep, Run *run)
{
    ForwardArguments arguments = { BATCH, SEQ, .input_ids = tiny_ids(BATCH * SEQ), .logits_to_keep = logits_to_keep };
    return gemma4_for_causal_lm_forward(&tiny->m, &arguments, run);
}

/* ---------------------------------------------------------------- the head */

static const struct {
    const char *written, *read, *weight;
} heads[] = {
    { "{}", "{}", "model.embed_tokens.weight" },
    { "{\"tie_word_embeddings\": false}", "{\"tie_word_embeddings\": false}", "lm_head.weight" },
    /* Hugging Face unties a head that the file holds */
    { "{\"tie_word_embeddings\": false}", "{\"tie_word_embeddings\": true}", "lm_head.weight" },
};

START_TEST(head)
{
    Error error = { "" };
    tiny_write(heads[_i].written);
    json_t *json = tiny_config(heads[_i].read);
    Tiny tiny = { .checkpoint = checkpoint_open(temporary("model"), &error) };
    gemma4_for_causal_lm_load(&tiny.m, (Loader){ tiny.checkpoint, "", &error },
                              (ConfigReader){ "config.json", "", json, &error });
    assert_clean(&error);
    ck_assert_str_eq(tiny.m.lm_head.path, "lm_head");
    ck_assert_str_eq(tiny.m.lm_head.weight->name, heads[_i].weight);
    ck_assert_ptr_null(tiny.m.lm_head.bias);
    ck_assert_int_eq(tiny_leftovers(&tiny), 0);

    Recording taps = { 0 };
    Run *run = run_as(ROUNDING_NONE);
    Tensor logits = forward(&tiny, 0, recording_run(&taps, ROUNDING_NONE));
    Tensor expected = linear(tap_of(&taps, "model"), tiny_array(&tiny, heads[_i].weight), NULL, run);
    assert_tensor(logits, expected, 8 * CLOSE, "logits");
    assert_tensor(tap_of(&taps, "lm_head"), expected, 8 * CLOSE, "lm_head");
    assert_tensor(tap_of(&taps, "logits"), logits, 0, "tap");
    checkpoint_close(tiny.checkpoint);
    json_decref(json);
}
END_TEST

/* A checkpoint of the base model alone is the same model. */
START_TEST(base_model)
{
    Recording taps = { 0 };
    tiny_pass(tiny_write_base("{}"), "{\"input_ids\": [[1, 2, 3]]}", (Pass){ 0 }, &taps);
    Error error = { "" };
    Checkpoint *checkpoint = checkpoint_open(temporary("model"), &error);
    const Array *table = checkpoint_find(checkpoint, "embed_tokens.weight")->array;
    assert_tensor(tap_of(&taps, "logits"), linear(tap_of(&taps, "model"), table, NULL, run_as(ROUNDING_NONE)),
                  8 * CLOSE, "logits");
    checkpoint_close(checkpoint);
}
END_TEST

START_TEST(no_head)
{
    Error error = { "" };
    tiny_write("{}");
    tiny_write_config("{\"tie_word_embeddings\": false}");
    ck_assert_ptr_null(model_open(temporary("model"), &error));
    assert_refused(&error, temporary("model/model.safetensors"),
                   ": lm_head.weight: found no such tensor, expected [23, 12]");
}
END_TEST

/* ---------------------------------------------------------------- logits */

static const struct {
    const char *changes;
    int64_t logits_to_keep, kept;
} slices[] = {
    { "{}", 0, SEQ },
    { "{}", 1, 1 },
    { "{}", 3, 3 },
    { "{}", SEQ, SEQ },
    { "{}", 100, SEQ },
    { "{\"num_kv_shared_layers\": 2}", 1, 1 },
    { "{\"num_kv_shared_layers\": 2}", 3, 3 },
};

START_TEST(last_tokens)
{
    Tiny *tiny = tiny_open(slices[_i].changes);
    int64_t kept = slices[_i].kept;
    const int64_t *ids = tiny_ids(BATCH * SEQ);
    ForwardArguments arguments = { BATCH, SEQ, .input_ids = ids };
    Recording all = { 0 }, some = { 0 };
    gemma4_for_causal_lm_forward(&tiny->m, &arguments, recording_run(&all, ROUNDING_NONE));
    arguments.logits_to_keep = slices[_i].logits_to_keep;
    gemma4_for_causal_lm_forward(&tiny->m, &arguments, recording_run(&some, ROUNDING_NONE));
    static const char *const names[] = { "lm_head", "logits" };
    for (int i = 0; i < COUNT(names); i++) {
        Tensor expected = tap_of(&all, names[i]);
        ck_assert_int_eq(expected.shape[1], SEQ);
        expected = narrow(expected, 1, SEQ - kept, kept, run_as(ROUNDING_NONE));
        assert_tensor(tap_of(&some, names[i]), expected, 64 * CLOSE, names[i]);
    }
    tiny_close(tiny);
}
END_TEST

static const Rounding roundings[] = { ROUNDING_NONE, ROUNDING_BF16 };

/* cap * tanh(logits / cap), each of the three rounded; what lm_head gave is tapped before */
START_TEST(soft_capped)
{
    Tiny *tiny = tiny_open("{\"final_logit_softcapping\": 1.7}");
    Run *run = run_as(roundings[_i]);
    Recording taps = { 0 };
    Tensor logits = forward(tiny, 0, recording_run(&taps, roundings[_i])), uncapped = tap_of(&taps, "lm_head");
    double largest = 0;
    for (int64_t i = 0; i < elements(logits); i++) {
        largest = fmax(largest, fabs(uncapped.data[i]));
        if (roundings[_i] == ROUNDING_NONE)
            assert_near(logits.data[i], 1.7 * tanh(uncapped.data[i] / 1.7), CLOSE, "logit", i);
    }
    ck_assert_double_gt(largest, 1.7);
    Tensor expected = divide_(tensor_clone(uncapped, run), 1.7, run);
    assert_tensor(logits, scale_(tanh_(expected, run), 1.7, run), 0, "logits");
    assert_tensor(tap_of(&taps, "logits"), logits, 0, "tap");
    tiny_close(tiny);
}
END_TEST

Suite *for_causal_lm_suite(void)
{
    Suite *suite = suite_create("for_causal_lm");
    TCase *tcase = theme(suite, "head");
    tcase_add_loop_test(tcase, head, 0, COUNT(heads));
    tcase_add_test(tcase, base_model);
    tcase_add_test(tcase, no_head);
    tcase = theme(suite, "logits");
    tcase_add_loop_test(tcase, last_tokens, 0, COUNT(slices));
    tcase_add_loop_test(tcase, soft_capped, 0, COUNT(roundings));
    return suite;
}
