/* test_unified_model.c - gemma4_unified/model.c: pictures, films and sound in their places, without their padding */
#include "gemma4_unified.h"
#include "tiny.h"

/* Placeholders are 20 for images, 21 for videos, 22 for sound; a patch or a frame of sound is a soft token. */
#define IMAGES "\"pixel_values\": \"2 2 12\", \"image_position_ids\": [[[0, 0], [-1, -1]], [[0, 0], [1, 0]]]"
#define VIDEOS                                                                \
    "\"pixel_values_videos\": \"3 2 12\", \"num_frames_per_video\": [2, 1], " \
    "\"video_position_ids\": [[[0, 0], [-1, -1]], [[0, 0], [3, -1]], [[-1, 2], [2, 3]]]"
#define SOUND "\"input_features\": \"2 3 5\", \"input_features_mask\": [[true, true, false], [true, false, false]]"
#define LANGUAGE "model.language_model"

/* Tokens of the flattened batch, and where each one's embedding comes from: a tap and its row */
typedef struct {
    int token;
    const char *tap;
    int row;
} Place;

static const struct {
    const char *arrays;
    Place places[10];
} merges[] = {
    { "{\"input_ids\": [[1, 20, 2, 20], [3, 4, 5, 20]], " IMAGES "}",
      { { 1, "model.embed_vision", 0 }, { 3, "model.embed_vision", 2 }, { 7, "model.embed_vision", 3 } } },
    { "{\"input_ids\": [[21, 1, 21, 21]], " VIDEOS "}",
      { { 0, "model.embed_vision", 0 }, { 2, "model.embed_vision", 2 }, { 3, "model.embed_vision", 5 } } },
    { "{\"input_ids\": [[22, 22], [1, 22]], " SOUND "}",
      { { 0, "model.embed_audio", 0 }, { 1, "model.embed_audio", 1 }, { 3, "model.embed_audio", 3 } } },
    { "{\"input_ids\": [[22, 20, 21, 20, 22, 21, 7, 20, 22, 21]], " IMAGES "," VIDEOS "," SOUND "}",
      { { 1, "model.embed_vision", 0 },
        { 3, "model.embed_vision", 2 },
        { 7, "model.embed_vision", 3 },
        { 2, "model.embed_vision@1", 0 },
        { 5, "model.embed_vision@1", 2 },
        { 9, "model.embed_vision@1", 5 },
        { 0, "model.embed_audio", 0 },
        { 4, "model.embed_audio", 1 },
        { 8, "model.embed_audio", 3 } } },
    { "{\"input_ids\": [[1, 20, 21, 22, 5]]}", { { 0 } } }, /* placeholders alone stay padding */
};

static const real *row_of(Tensor x, int64_t row) { return x.data + row * last(x); }

START_TEST(merged)
{
    Recording taps = { 0 };
    tiny_pass(tiny_write_unified("{\"pad_token_id\": 5}", "{}"), merges[_i].arrays, (Pass){ 0 }, &taps);
    Tensor embeds = tap_of(&taps, "model#inputs_embeds"), tokens = tap_of(&taps, LANGUAGE ".embed_tokens");
    for (int64_t i = 0; i < rows(embeds); i++) {
        const real *expected = row_of(tokens, i);
        for (const Place *place = merges[_i].places; place->tap; place++)
            if (place->token == i) expected = row_of(tap_of(&taps, place->tap), place->row);
        for (int j = 0; j < TINY_HIDDEN; j++)
            assert_near(row_of(embeds, i)[j], expected[j], 0, "inputs_embeds", i * TINY_HIDDEN + j);
    }
    ck_assert(!has_tap(&taps, "logits@1") && !has_tap(&taps, "model.embed_audio@1"));
    ck_assert(!has_tap(&taps, LANGUAGE ".layers.0.router") && !has_tap(&taps, LANGUAGE "#per_layer_inputs"));
}
END_TEST

START_TEST(placeholders_are_padding)
{
    Recording taps = { 0 };
    tiny_pass(tiny_write_unified("{\"pad_token_id\": 5}", "{\"audio_token_id\": 258881}"),
              "{\"input_ids\": [[1, 20, 21, 258881, 5]]}", (Pass){ 0 }, &taps);
    Tensor embeds = tap_of(&taps, LANGUAGE ".embed_tokens");
    for (int i = 0; i < 5; i++) ck_assert((row_of(embeds, i)[0] == row_of(embeds, 4)[0]) == (i > 0));
}
END_TEST

/* embed_audio has no weight but the projection's; its samples are cast before the norm. */
START_TEST(sound)
{
    Recording taps = { 0 };
    tiny_pass(tiny_write_unified("{}", "{}"), "{\"input_ids\": [[22, 22, 22]], " SOUND "}",
              (Pass){ .results = ROUNDING_BF16, .weights = ROUNDING_BF16 }, &taps);
    Error error = { "" };
    Inputs inputs = inputs_open(temporary("inputs.safetensors"), &error);
    Tensor samples = read_input(inputs.input_features, run_as(ROUNDING_NONE));
    to_dtype_(samples, run_as(ROUNDING_BF16));
    assert_tensor(tap_of(&taps, "model.embed_audio.embedding_pre_projection_norm"),
                  rms_norm(samples, NULL, 1e-6, run_as(ROUNDING_BF16)), 0, "norm");
    ck_assert_int_eq(tap_of(&taps, "model.embed_audio").rank, 3);
    inputs_close(&inputs);
}
END_TEST

/* Without a prompt: what get_image_features and get_audio_features do */
START_TEST(without_a_prompt)
{
    Recording images = { 0 }, sounds = { 0 };
    const char *folder = tiny_write_unified("{}", "{}");
    tiny_pass(folder, "{" IMAGES "}", (Pass){ 0 }, &images);
    tiny_pass(folder, "{" SOUND "}", (Pass){ 0 }, &sounds);
    ck_assert_int_eq(images.count, 9);
    ck_assert_int_eq(sounds.count, 3);
    ck_assert_int_eq(rows(tap_of(&images, "model.embed_vision")), 4);
    ck_assert_int_eq(rows(tap_of(&sounds, "model.embed_audio")), 6);
}
END_TEST

/* Whether token 1 may look at token 3, which is in its block and beyond a window of 3 the other way round: both types
 * of layers, both directions */
static const struct {
    const char *bidirectional, *arrays;
    int ahead, back;
} masks[] = {
    { "\"vision\"", "{\"input_ids\": [[1, 20, 20, 20, 20]], \"mm_token_type_ids\": [[0, 1, 1, 1, 1]]}", 1, 1 },
    { "\"vision\"", "{\"input_ids\": [[1, 21, 21, 21, 21]], \"mm_token_type_ids\": [[0, 2, 2, 2, 2]]}", 1, 1 },
    { "\"vision\"", "{\"input_ids\": [[1, 22, 22, 22, 22]], \"mm_token_type_ids\": [[0, 3, 3, 3, 3]]}", 0, 0 },
    { "\"vision\"", "{\"input_ids\": [[1, 20, 20, 20, 20]]}", 0, 0 },
    { "null", "{\"input_ids\": [[1, 20, 20, 20, 20]], \"mm_token_type_ids\": [[0, 1, 1, 1, 1]]}", 0, 0 },
};

START_TEST(blocks)
{
    Recording taps = { 0 };
    const char *text = arena_format(&scratch, "{\"use_bidirectional_attention\": %s}", masks[_i].bidirectional);
    tiny_pass(tiny_write_unified(text, "{}"), masks[_i].arrays, (Pass){ 0 }, &taps);
    Tensor full = tap_of(&taps, LANGUAGE "#causal_mask_mapping.full_attention");
    Tensor sliding = tap_of(&taps, LANGUAGE "#causal_mask_mapping.sliding_attention");
    assert_near(full.data[1 * 5 + 4], masks[_i].ahead, 0, "full, ahead", 9);
    assert_near(sliding.data[1 * 5 + 4], masks[_i].ahead, 0, "sliding, ahead", 9);
    assert_near(full.data[4 * 5 + 1], 1, 0, "full, back", 21);
    assert_near(sliding.data[4 * 5 + 1], masks[_i].back, 0, "sliding, back", 21);
}
END_TEST

/* In a decode step everything is behind: no block, and the window cuts as ever. */
START_TEST(generated)
{
    Recording taps = { 0 };
    tiny_pass(tiny_write_unified("{}", "{}"),
              "{\"input_ids\": [[1, 20, 20, 20, 22, 21, 21, 21, 22, 22]], " IMAGES "," VIDEOS "," SOUND
              ", \"mm_token_type_ids\": [[0, 1, 1, 1, 3, 2, 2, 2, 3, 3]]}",
              (Pass){ .max_new_tokens = 3, .ignore_eos = true }, &taps);
    ck_assert_int_eq(last(tap_of(&taps, LANGUAGE "#causal_mask_mapping.full_attention@2")), 12);
    Tensor sliding = tap_of(&taps, LANGUAGE "#causal_mask_mapping.sliding_attention@2");
    ck_assert_int_eq(last(sliding), TINY_WINDOW);
    for (int i = 0; i < TINY_WINDOW; i++) ck_assert_double_eq(sliding.data[i], 1);
    ck_assert(has_tap(&taps, "input_ids@3") && !has_tap(&taps, "model.embed_vision@2"));
    ck_assert(!has_tap(&taps, "model.embed_audio@1"));
}
END_TEST

/* The text model alone, saved with the family's own model_type: Gemma4ForCausalLM with other defaults */
START_TEST(text_alone)
{
    Recording unified = { 0 }, gemma4 = { 0 };
    const char *prompt = "{\"input_ids\": [[1, 2, 3, 4, 5]]}";
    tiny_pass(tiny_write("{\"model_type\": \"gemma4_unified_text\"}"), prompt, (Pass){ 0 }, &unified);
    tiny_write_config("{}");
    tiny_pass(temporary("model"), prompt, (Pass){ 0 }, &gemma4);
    ck_assert_int_eq(unified.count, gemma4.count);
    for (int n = 0; n < unified.count; n++) {
        ck_assert_str_eq(unified.taps[n].name, gemma4.taps[n].name);
        assert_tensor(unified.taps[n].value, gemma4.taps[n].value, 0, unified.taps[n].name);
    }
}
END_TEST

static void leave_nothing_over(const char *folder)
{
    Error error = { "" };
    Model *model = model_open(folder, &error);
    assert_clean(&error);
    const Checkpoint *checkpoint = model_checkpoint(model);
    for (int i = 0; i < checkpoint->tensor_count; i++)
        ck_assert_msg(checkpoint->tensors[i].asked, "%s is left over", checkpoint->tensors[i].array->name);
    model_close(model);
}

START_TEST(every_tensor_is_asked_for)
{
    leave_nothing_over(tiny_write_unified("{}", "{}"));
    leave_nothing_over(tiny_write_unified("{\"attention_k_eq_v\": true}", "{\"tie_word_embeddings\": false}"));
}
END_TEST

Suite *unified_model_suite(void)
{
    Suite *suite = suite_create("unified_model");
    TCase *tcase = theme(suite, "merging");
    tcase_add_loop_test(tcase, merged, 0, COUNT(merges));
    tcase_add_test(tcase, placeholders_are_padding);
    tcase_add_test(tcase, sound);
    tcase_add_test(tcase, without_a_prompt);
    tcase = theme(suite, "masks");
    tcase_add_loop_test(tcase, blocks, 0, COUNT(masks));
    tcase = theme(suite, "whole");
    tcase_add_test(tcase, generated);
    tcase_add_test(tcase, text_alone);
    tcase_add_test(tcase, every_tensor_is_asked_for);
    return suite;
}
