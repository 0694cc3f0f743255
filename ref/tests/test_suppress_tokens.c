/* test_suppress_tokens.c - generation.c: tokens that are never chosen, and logits that say nothing of it */
#include "tiny.h"

enum { STEPS = 6 };

#define PROMPT "{\"input_ids\": [[7, 3, 9], [4, 17, 8]]}"

static const char *at_step(const char *name, int step)
{
    return step ? arena_format(&scratch, "%s@%d", name, step) : name;
}

static Recording generated(const char *folder, const char *generation_config)
{
    Recording taps = { 0 };
    write_text(temporary("model/generation_config.json"), generation_config);
    tiny_pass(folder, PROMPT, (Pass){ .max_new_tokens = STEPS, .ignore_eos = true }, &taps);
    return taps;
}

static bool is_among(int64_t token, const int64_t *list, int count)
{
    for (int i = 0; i < count; i++)
        if (list[i] == token) return true;
    return false;
}

/* Every token chosen is the largest of those that may be. */
static void assert_largest_allowed(const Recording *taps, const int64_t *suppressed, int count)
{
    for (int step = 1; step <= STEPS; step++)
        for (int64_t row = 0; row < 2; row++) {
            Tensor logits = tap_of(taps, at_step("logits", step - 1));
            const real *of_row = logits.data + ((row + 1) * logits.shape[1] - 1) * TINY_VOCABULARY;
            int64_t token = (int64_t)tap_of(taps, at_step("input_ids", step)).data[row];
            ck_assert_msg(!is_among(token, suppressed, count), "token %d is suppressed", (int)token);
            for (int64_t i = 0; i < TINY_VOCABULARY; i++)
                ck_assert_msg(is_among(i, suppressed, count) || of_row[i] <= of_row[token], "%d is larger", (int)i);
        }
}

START_TEST(largest_of_the_others)
{
    const char *folder = tiny_write("{}");
    Recording free_taps = generated(folder, "{\"pad_token_id\": 0}");
    assert_largest_allowed(&free_taps, NULL, 0);
    int64_t chosen[2] = { (int64_t)tap_of(&free_taps, "input_ids@1").data[0],
                          (int64_t)tap_of(&free_taps, "input_ids@2").data[1] };
    Recording taps = generated(
        folder, arena_format(&scratch, "{\"suppress_tokens\": [%d, %d, 5000]}", (int)chosen[0], (int)chosen[1]));
    assert_largest_allowed(&taps, chosen, 2);
    /* the logits of the prefill are as without: a tap shows what the head computed */
    assert_tensor(tap_of(&taps, "logits"), tap_of(&free_taps, "logits"), 0, "logits");
    ck_assert(tap_of(&taps, "input_ids@1").data[0] != (real)chosen[0]);
}
END_TEST

/* Nothing is left: the first token, as torch's argmax over -inf alone has it. */
START_TEST(all_of_them)
{
    char list[8 * TINY_VOCABULARY] = "", *to = list;
    for (int i = 0; i < TINY_VOCABULARY; i++) to += sprintf(to, "%s%d", i ? "," : "", i);
    Recording taps = generated(tiny_write("{}"), arena_format(&scratch, "{\"suppress_tokens\": [%s]}", list));
    for (int step = 1; step <= STEPS; step++)
        for (int row = 0; row < 2; row++) ck_assert_double_eq(tap_of(&taps, at_step("input_ids", step)).data[row], 0);
}
END_TEST

Suite *suppress_tokens_suite(void)
{
    Suite *suite = suite_create("suppress_tokens");
    TCase *tcase = theme(suite, "suppress_tokens");
    tcase_add_test(tcase, largest_of_the_others);
    tcase_add_test(tcase, all_of_them);
    return suite;
}
