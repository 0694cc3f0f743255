/* test_generation.c - greedy tokens with a cache: what is fed, what is kept, and where it stops */
#include <stdlib.h>

#include "gemma4.h"
#include "tiny.h"

/* ---------------------------------------------------------------- steps */

enum { STEPS = 9 };

static const char *at_step(const char *name, int step)
{
    return step ? arena_format(&scratch, "%s@%d", name, step) : name;
}

static int64_t token_of(const Recording *taps, int step, int64_t row)
{
    return (int64_t)tap_of(taps, at_step("input_ids", step)).data[row];
}

/* Step `step` chose from the logits of the last position; returns those. */
static const real *logits_of(const Recording *taps, int step, int64_t row)
{
    Tensor logits = tap_of(taps, at_step("logits", step));
    return logits.data + ((row + 1) * logits.shape[1] - 1) * last(logits);
}

#define PROMPT \
    "{\"input_ids\": [[7, 3, 9, 11, 2], [0, 0, 4, 17, 8]], \"attention_mask\": [[1, 1, 1, 1, 1], [0, 0, 1, 1, 1]]}"

START_TEST(largest_logit_is_next)
{
    Recording taps = { 0 };
    tiny_pass(tiny_write("{}"), PROMPT, (Pass){ .max_new_tokens = STEPS }, &taps);
    for (int step = 1; step <= STEPS; step++) {
        Tensor input_ids = tap_of(&taps, at_step("input_ids", step));
        ck_assert(input_ids.rank == 2 && input_ids.shape[0] == 2 && input_ids.shape[1] == 1);
        for (int64_t row = 0; row < 2; row++) {
            const real *logits = logits_of(&taps, step - 1, row);
            for (int i = 0; i < TINY_VOCABULARY; i++)
                ck_assert_msg(logits[i] <= logits[token_of(&taps, step, row)], "%d is larger", i);
        }
    }
    ck_assert(!has_tap(&taps, "input_ids") && !has_tap(&taps, at_step("input_ids", STEPS + 1)));
    ck_assert(!has_tap(&taps, at_step("logits", STEPS))); /* the last token is never fed */
    ck_assert_int_eq(place_of(&taps, at_step("input_ids", STEPS)), taps.count - 1);
}
END_TEST

/* A JSON list of rows */
static const char *list_of(const int64_t *values, int64_t rows, int64_t columns)
{
    char *text = arena_allocate(&scratch, (size_t)(rows * (columns * 8 + 4)) + 4), *to = text;
    for (int64_t i = 0; i < rows * columns; i++)
        to += sprintf(to, "%s%lld", i == 0 ? "[[" : i % columns ? ", " : "], [", (long long)values[i]);
    sprintf(to, "]]");
    return text;
}

/* Returns the prompt with the tokens of `steps` steps, as inputs of one pass without a cache. */
static const char *whole_of(const Recording *taps, int steps)
{
    static const int64_t prompt[] = { 7, 3, 9, 11, 2, 0, 0, 4, 17, 8 };
    int64_t seq = 5 + steps, ids[2 * (5 + STEPS)], mask[2 * (5 + STEPS)], positions[2 * (5 + STEPS)];
    for (int64_t i = 0; i < 2 * seq; i++) {
        int64_t row = i / seq, t = i % seq, padding = row == 1 ? 2 : 0;
        ids[i] = t < 5 ? prompt[row * 5 + t] : token_of(taps, (int)(t - 4), row);
        mask[i] = t >= padding;
        positions[i] = t >= padding ? t - padding : 0;
    }
    return arena_format(&scratch, "{\"input_ids\": %s, \"attention_mask\": %s, \"position_ids\": %s}",
                        list_of(ids, 2, seq), list_of(mask, 2, seq), list_of(positions, 2, seq));
}

static const struct {
    const char *changes;
    int logits_to_keep;
} decoders[] = {
    { "{}", 0 },
    { "{\"num_kv_shared_layers\": 2}", 1 },
    { "{\"num_kv_shared_layers\": 2, \"hidden_size_per_layer_input\": 4}", 1 },
    { "{\"num_kv_shared_layers\": 1, \"use_double_wide_mlp\": true}", 0 },
    { "{\"attention_k_eq_v\": true, \"num_global_key_value_heads\": 1}", 1 },
    { "{\"enable_moe_block\": true, \"num_experts\": 4, \"top_k_experts\": 2, \"moe_intermediate_size\": 5}", 0 },
    { "{\"sliding_window\": 1}", 0 },
    { "{\"sliding_window\": 50}", 1 },
    { "{\"final_logit_softcapping\": 3, \"tie_word_embeddings\": false, \"attention_bias\": true}", 0 },
};

START_TEST(cached_equals_uncached)
{
    const char *folder = tiny_write(decoders[_i].changes);
    Recording steps = { 0 }, whole = { 0 };
    Pass pass = { .max_new_tokens = STEPS, .logits_to_keep = decoders[_i].logits_to_keep };
    tiny_pass(folder, PROMPT, pass, &steps);
    tiny_pass(folder, whole_of(&steps, STEPS - 1), (Pass){ 0 }, &whole);
    Tensor expected = tap_of(&whole, "logits");
    int64_t seq = 5 + STEPS - 1;
    for (int step = 0; step < STEPS; step++)
        for (int64_t row = 0; row < 2; row++)
            for (int i = 0; i < TINY_VOCABULARY; i++)
                assert_near(logits_of(&steps, step, row)[i],
                            expected.data[(row * seq + 4 + step) * TINY_VOCABULARY + i], 100 * CLOSE, "logit", step);
    ck_assert_int_eq(tap_of(&steps, "logits").shape[1], decoders[_i].logits_to_keep ? 1 : 5);
}
END_TEST

/* Positions of each row and step: the prompt's tokens count from 0 at the first that is no padding. */
static const struct {
    const char *arrays;
    int64_t prefill[10], step_one[2];
} positions[] = {
    { PROMPT, { 0, 1, 2, 3, 4, 0, 0, 0, 1, 2 }, { 5, 3 } },
    { "{\"input_ids\": [[7, 3, 9, 11, 2], [1, 1, 4, 17, 8]]}", { 0, 1, 2, 3, 4, 0, 1, 2, 3, 4 }, { 5, 5 } },
    /* where there is one, pad tokens are what it says they are */
    { "{\"input_ids\": [[7, 0, 9, 11, 2], [0, 0, 4, 17, 8]], \"attention_mask\": [[1, 1, 1, 1, 1], [0, 1, 1, 1, 1]]}",
      { 0, 1, 2, 3, 4, 0, 0, 1, 2, 3 },
      { 5, 4 } },
    /* without attention_mask, pad tokens are padding, wherever they stand */
    { "{\"input_ids\": [[7, 3, 0, 11, 2], [0, 0, 4, 17, 8]]}", { 0, 1, 0, 2, 3, 0, 0, 0, 1, 2 }, { 4, 3 } },
    { "{\"input_ids\": [[7, 3, 9, 11, 2], [0, 0, 4, 17, 8]], \"position_ids\": [[2, 3, 4, 5, 6], [1, 1, 1, 9, 20]]}",
      { 2, 3, 4, 5, 6, 1, 1, 1, 9, 20 },
      { 7, 21 } },
};

START_TEST(positions_of_a_batch)
{
    Recording taps = { 0 };
    tiny_pass(tiny_write("{}"), positions[_i].arrays, (Pass){ .max_new_tokens = 4 }, &taps);
    Tensor prefill = tap_of(&taps, "model.rotary_emb#full_attention_cos");
    ck_assert_int_eq(rows(prefill), 10);
    for (int i = 0; i < 10; i++)
        assert_near(prefill.data[i * TINY_FULL_DIM], cos((double)positions[_i].prefill[i]), CLOSE, "position", i);
    for (int step = 1; step < 4; step++)
        for (int row = 0; row < 2; row++)
            assert_near(tap_of(&taps, at_step("model.rotary_emb#full_attention_cos", step)).data[row * TINY_FULL_DIM],
                        cos((double)(positions[_i].step_one[row] + step - 1)), CLOSE, "position", step);
}
END_TEST

/* The mask that is made of pad tokens is the one that could have been given; a pad token that ends rows makes none. */
START_TEST(padding_of_the_prompt)
{
    static const char *const tokens = "{\"input_ids\": [[7, 3, 9, 11, 2], [0, 0, 4, 17, 8]]}";
    const char *folder = tiny_write("{}");
    Recording given = { 0 }, made = { 0 }, none = { 0 };
    tiny_pass(folder, PROMPT, (Pass){ .max_new_tokens = 3 }, &given);
    tiny_pass(folder, tokens, (Pass){ .max_new_tokens = 3 }, &made);
    for (int step = 0; step < 3; step++)
        assert_tensor(tap_of(&made, at_step("logits", step)), tap_of(&given, at_step("logits", step)), 0, "logits");
    write_text(temporary("model/generation_config.json"), "{\"eos_token_id\": [1, 0], \"pad_token_id\": 0}");
    tiny_pass(folder, tokens, (Pass){ .max_new_tokens = 1 }, &none);
    Tensor mask = tap_of(&none, "model#causal_mask_mapping.full_attention");
    ck_assert_double_eq(mask.data[5 * 5], 1); /* row 1, token 0 */
}
END_TEST

/* ---------------------------------------------------------------- a hook decides */

static const int64_t script[STEPS][2] = { { 3, 9 }, { 5, 11 }, { 12, 5 }, { 13, 13 } };

/* Puts the script's tokens in place of those chosen; beyond it, 4. */
static void follow_script(const char *name, real *values, int64_t first, int64_t count)
{
    (void)first;
    if (strncmp(name, "input_ids@", 10) != 0) return;
    int step = atoi(name + 10);
    for (int64_t row = 0; row < count; row++) values[row] = (real)(script[step - 1][row] ? script[step - 1][row] : 4);
}

START_TEST(replaced_token_is_fed)
{
    Error error = { "" };
    Recording taps = { .replace = follow_script };
    const char *folder = tiny_write("{}");
    tiny_pass(folder, PROMPT, (Pass){ .max_new_tokens = 4 }, &taps);
    Checkpoint *checkpoint = checkpoint_open(folder, &error);
    const Array *table = checkpoint_find(checkpoint, "model.embed_tokens.weight")->array;
    for (int step = 1; step < 4; step++) {
        Tensor embeds = tap_of(&taps, at_step("model.embed_tokens", step));
        Tensor expected = embedding(table, script[step - 1], 2, 1, run_as(ROUNDING_NONE));
        assert_tensor(embeds, scale_(expected, sqrt(TINY_HIDDEN), run_as(ROUNDING_NONE)), 2e-6, "fed");
    }
    checkpoint_close(checkpoint);
}
END_TEST

/* The stop ids, and the last step: that in which both rows have met one. Row 0 meets 5 in step 2, row 1 in step 3. */
static const struct {
    const char *file, *config;
    bool ignore_eos;
    int last_step;
} stops[] = {
    { "{\"eos_token_id\": 5, \"pad_token_id\": 6}", "{}", false, 3 },
    { "{\"eos_token_id\": [17, 5], \"pad_token_id\": 6}", "{}", false, 3 },
    { "{\"eos_token_id\": [5, 9], \"pad_token_id\": 6}", "{}", false, 2 },
    { "{\"eos_token_id\": [3, 9], \"pad_token_id\": 6}", "{}", false, 1 },
    { "{\"eos_token_id\": 9, \"pad_token_id\": 6}", "{}", false, STEPS }, /* row 0 goes on */
    { "{\"eos_token_id\": 5, \"pad_token_id\": 6}", "{}", true, STEPS },
    { "{\"eos_token_id\": [], \"pad_token_id\": 6}", "{}", false, STEPS },
    { NULL, "{\"eos_token_id\": 5, \"pad_token_id\": 6}", false, 3 },
    { NULL, "{\"pad_token_id\": 6}", false, STEPS },
};

START_TEST(stops_where_all_rows_have)
{
    Recording taps = { .replace = follow_script };
    const char *folder = tiny_write(stops[_i].config);
    if (stops[_i].file) write_text(temporary("model/generation_config.json"), stops[_i].file);
    tiny_pass(folder, PROMPT, (Pass){ .max_new_tokens = STEPS, .ignore_eos = stops[_i].ignore_eos }, &taps);
    ck_assert(has_tap(&taps, at_step("input_ids", stops[_i].last_step)));
    ck_assert(!has_tap(&taps, at_step("input_ids", stops[_i].last_step + 1)));
    ck_assert(has_tap(&taps, at_step("logits", stops[_i].last_step - 1)));
    ck_assert(!has_tap(&taps, at_step("logits", stops[_i].last_step)));
}
END_TEST

/* The token that ends a row is its own; from the next on, what is chosen is pad_token_id, whatever the logits say. */
START_TEST(ended_row_goes_on_with_padding)
{
    bool ignore_eos = _i;
    Recording taps = { .replace = follow_script };
    const char *folder = tiny_write("{}");
    write_text(temporary("model/generation_config.json"), "{\"eos_token_id\": [9, 77], \"pad_token_id\": 6}");
    tiny_pass(folder, PROMPT, (Pass){ .max_new_tokens = STEPS, .ignore_eos = ignore_eos }, &taps);
    for (int step = 1; step <= STEPS; step++) {
        const real *logits = logits_of(&taps, step - 1, 1);
        int64_t best = 0;
        for (int i = 1; i < TINY_VOCABULARY; i++)
            if (logits[i] > logits[best]) best = i;
        ck_assert_int_eq(token_of(&taps, step, 1), step == 1 || ignore_eos ? best : 6);
    }
}
END_TEST

/* Equal logits: the first of them, as torch has it */
static void make_equal(const char *name, real *values, int64_t first, int64_t count)
{
    (void)first;
    if (strncmp(name, "logits", 6) != 0) return;
    for (int64_t i = 0; i < count; i++) values[i] = (real)(i % TINY_VOCABULARY % 5 == 3 ? 2 : i % 2);
}

START_TEST(first_of_equal_logits)
{
    Recording taps = { .replace = make_equal };
    tiny_pass(tiny_write("{}"), PROMPT, (Pass){ .max_new_tokens = 2 }, &taps);
    for (int step = 1; step <= 2; step++)
        for (int row = 0; row < 2; row++) ck_assert_int_eq(token_of(&taps, step, row), 3);
}
END_TEST

/* ---------------------------------------------------------------- images */

#define FRAME "[[0, 0], [1, 0], [0, 1], [1, 1]]"

/* The towers run in the prefill alone, and mm_token_type_ids are of the prompt alone. */
START_TEST(images_are_of_the_prefill)
{
    Recording taps = { 0 };
    tiny_pass(tiny_write_multimodal("{\"use_bidirectional_attention\": \"vision\", \"sliding_window\": 4}", "{}"),
              "{\"input_ids\": [[1, 20, 20, 2, 21]], \"mm_token_type_ids\": [[0, 1, 1, 0, 2]],"
              " \"pixel_values\": \"2 4 12\", \"image_position_ids\": [" FRAME ", " FRAME "],"
              " \"pixel_values_videos\": \"1 4 12\", \"video_position_ids\": [" FRAME
              "], \"num_frames_per_video\": [1]}",
              (Pass){ .max_new_tokens = 4 }, &taps);
    ck_assert(has_tap(&taps, "model.embed_vision") && has_tap(&taps, "model.embed_vision@1")); /* of the video */
    ck_assert(!has_tap(&taps, "model.embed_vision@2") && !has_tap(&taps, "model.vision_tower@2"));
    Tensor mask = tap_of(&taps, "model.language_model#causal_mask_mapping.sliding_attention");
    ck_assert_double_eq(mask.data[5 + 2], 1);
    for (int step = 1; step < 4; step++) {
        Tensor embeds = tap_of(&taps, at_step("model#inputs_embeds", step));
        assert_tensor(embeds, tap_of(&taps, at_step("model.language_model.embed_tokens", step)), 0, "inputs_embeds");
        ck_assert_int_eq(
            last(tap_of(&taps, at_step("model.language_model#causal_mask_mapping.sliding_attention", step))), 4);
        ck_assert_int_eq(last(tap_of(&taps, at_step("model.language_model#causal_mask_mapping.full_attention", step))),
                         5 + step);
    }
}
END_TEST

Suite *generation_suite(void)
{
    Suite *suite = suite_create("generation");
    TCase *tcase = theme(suite, "steps");
    tcase_add_test(tcase, largest_logit_is_next);
    tcase_add_loop_test(tcase, cached_equals_uncached, 0, COUNT(decoders));
    tcase_add_loop_test(tcase, positions_of_a_batch, 0, COUNT(positions));
    tcase_add_test(tcase, padding_of_the_prompt);
    tcase_add_test(tcase, images_are_of_the_prefill);
    tcase = theme(suite, "tokens");
    tcase_add_test(tcase, replaced_token_is_fed);
    tcase_add_loop_test(tcase, stops_where_all_rows_have, 0, COUNT(stops));
    tcase_add_loop_test(tcase, ended_row_goes_on_with_padding, 0, 2);
    tcase_add_test(tcase, first_of_equal_logits);
    return suite;
}
