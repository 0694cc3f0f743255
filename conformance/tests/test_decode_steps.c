/* test_decode_steps.c - what a dump says about the generation that it is of */
#include "dump/decode_steps.h"

#include "backends.h"

static Dump *dump_of(const char *arrays)
{
    Error error = { "" };
    write_arrays(temporary("dump.safetensors"), arrays);
    Dump *dump = dump_open(temporary("dump.safetensors"), &error);
    assert_clean(&error);
    return dump;
}

static const struct {
    const char *arrays;
    int last_step, new_tokens;
} dumps[] = {
    { "{\"logits\": [1.5]}", 0, 0 },
    { "{\"logits\": [1.5], \"logits@1\": [1.5]}", 1, 2 },
    { "{\"model.layers.0@12\": [1.5], \"logits@3\": [1.5]}", 12, 13 },
    { "{\"model.language_model.layers.0.self_attn#key_states@2\": [1.5]}", 2, 3 },
    { "{\"model@2\": [1.5]}", 2, 3 },
    { "{\"lm_head@4\": [1.5]}", 4, 5 },
    { "{\"model.vision_tower@1\": [1.5], \"model.embed_vision@1\": [1.5]}", 0, 0 }, /* videos */
    { "{\"my.own@7\": [1.5]}", 0, 0 },
    { "{\"input_ids@1\": [[1]]}", 0, 1 },
    { "{\"logits@2\": [1.5], \"input_ids@1\": [[1]], \"input_ids@2\": [[1]]}", 2, 3 },
    { "{\"logits@2\": [1.5], \"input_ids@3\": [[1]]}", 2, 3 }, /* and the last, which is never fed */
};

START_TEST(steps)
{
    Dump *dump = dump_of(dumps[_i].arrays);
    ck_assert_int_eq(decode_steps_last_step(dump), dumps[_i].last_step);
    ck_assert_int_eq(decode_steps_new_tokens(dump), dumps[_i].new_tokens);
    dump_close(dump);
}
END_TEST

static const struct {
    const char *arrays;
    int expected;
} last_logits[] = {
    { "{\"logits\": \"2 1 9\"}", 1 },  { "{\"logits\": \"2 9\"}", 1 },     { "{\"logits\": \"2 7 9\"}", 0 },
    { "{\"lm_head\": \"2 1 9\"}", 1 }, { "{\"logits@1\": \"2 1 9\"}", 0 }, { "{\"model.norm\": \"2 1 9\"}", 0 },
};

START_TEST(logits_to_keep)
{
    Array ids = { .rank = 2, .shape = { 2, 7 } };
    Dump *dump = dump_of(last_logits[_i].arrays);
    ck_assert_int_eq(decode_steps_logits_to_keep(dump, &(Inputs){ .input_ids = &ids }), last_logits[_i].expected);
    ck_assert_int_eq(decode_steps_logits_to_keep(dump, &(Inputs){ 0 }), 0);
    dump_close(dump);
}
END_TEST

static const struct {
    const char *arrays, *says;
} choices[] = {
    { "{\"input_ids@1\": [[22], [0]], \"model.layers.0.router#top_k_index\": [[0, 7]]}", NULL },
    { "{\"input_ids@1\": [[3.0]]}", NULL },
    { "{\"input_ids\": [[99]]}", NULL },
    { "{\"input_ids@1\": [[1], [23]]}", ": input_ids@1: found 23 at place 1, expected a token from 0 to 22" },
    { "{\"input_ids@1\": [[-1]]}", ": input_ids@1: found -1 at place 0, expected a token from 0 to 22" },
    { "{\"input_ids@1\": [[1.5]]}", ": input_ids@1: found 1.5 at place 0, expected a token from 0 to 22" },
    { "{\"model.layers.2.router#top_k_index@4\": [[1, 2, 8]]}",
      ": model.layers.2.router#top_k_index@4: found 8 at place 2, expected an expert from 0 to 7" },
};

START_TEST(checked)
{
    Error error = { "" };
    Model *model = model_open(tiny_write("{" MOE "}"), &error);
    assert_clean(&error);
    Dump *dump = dump_of(choices[_i].arrays);
    decode_steps_check_choices(dump, model, &error);
    if (choices[_i].says)
        assert_refused(&error, temporary("dump.safetensors"), choices[_i].says);
    else
        assert_clean(&error);
    dump_close(dump);
    model_close(model);
}
END_TEST

/* Then such a name is no tap. */
START_TEST(experts_of_a_model_without)
{
    Error error = { "" };
    Model *model = model_open(tiny_write("{}"), &error);
    Dump *dump = dump_of("{\"model.layers.2.router#top_k_index\": [[1, 99]]}");
    decode_steps_check_choices(dump, model, &error);
    assert_clean(&error);
    dump_close(dump);
    model_close(model);
}
END_TEST

Suite *decode_steps_suite(void)
{
    Suite *suite = suite_create("decode_steps");
    TCase *tcase = theme(suite, "names and shapes");
    tcase_add_loop_test(tcase, steps, 0, COUNT(dumps));
    tcase_add_loop_test(tcase, logits_to_keep, 0, COUNT(last_logits));
    tcase = theme(suite, "choices");
    tcase_add_loop_test(tcase, checked, 0, COUNT(choices));
    tcase_add_test(tcase, experts_of_a_model_without);
    return suite;
}
