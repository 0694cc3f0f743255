/* test_gemma4_model.c - gemma4/model.c: soft tokens take the places of their placeholders; and which masks are made */
#include "gemma4.h"
#include "tiny.h"

/* Placeholders are 20 for images, 21 for videos, 22 for sound. The tower makes one soft token of 2 x 2 patches. */
#define FRAME "[[0, 0], [1, 0], [0, 1], [1, 1]]"
#define ONE_IMAGE "\"pixel_values\": \"1 4 12\", \"image_position_ids\": [" FRAME "]"
#define TWO_IMAGES "\"pixel_values\": \"2 4 12\", \"image_position_ids\": [" FRAME "," FRAME "]"
#define VIDEO                                                                              \
    "\"pixel_values_videos\": \"2 4 12\", \"video_position_ids\": [" FRAME "," FRAME "], " \
    "\"num_frames_per_video\": [2]"
#define TEXT "{\"pad_token_id\": 5, \"hidden_size_per_layer_input\": 4, \"use_bidirectional_attention\": \"vision\"}"
#define LANGUAGE "model.language_model"

static const struct {
    const char *arrays;
    const char *features[3];              /* taps of the soft tokens of images, and of videos */
    int image_places[8], video_places[8]; /* tokens of the flattened batch, ending in -1 */
} merges[] = {
    { "{\"input_ids\": [[1, 20, 2, 3]], " ONE_IMAGE "}", { "model.embed_vision" }, { 1, -1 }, { -1 } },
    { "{\"input_ids\": [[20, 1, 2, 20]], " TWO_IMAGES "}", { "model.embed_vision" }, { 0, 3, -1 }, { -1 } },
    /* in the order of the batch: the second image is in the second row */
    { "{\"input_ids\": [[1, 2, 20], [20, 4, 4]], " TWO_IMAGES "}", { "model.embed_vision" }, { 2, 3, -1 }, { -1 } },
    { "{\"input_ids\": [[1, 21, 21, 3]], " VIDEO "}", { NULL, "model.embed_vision" }, { -1 }, { 1, 2, -1 } },
    /* both: the tower's second run is the video's */
    { "{\"input_ids\": [[21, 1, 20, 21, 2]], " ONE_IMAGE ", " VIDEO "}",
      { "model.embed_vision", "model.embed_vision@1" },
      { 2, -1 },
      { 0, 3, -1 } },
    /* placeholders without pixels stay the padding they were looked up as */
    { "{\"input_ids\": [[1, 20, 21, 22, 5]]}", { NULL }, { -1 }, { -1 } },
};

static const real *row_of(Tensor x, int64_t row) { return x.data + row * last(x); }

static int take(const int *places, int64_t token)
{
    for (int i = 0; places[i] >= 0; i++)
        if (places[i] == token) return i;
    return -1;
}

START_TEST(merged)
{
    Recording taps = { 0 };
    tiny_pass(tiny_write_multimodal(TEXT, "{}"), merges[_i].arrays, (Pass){ 0 }, &taps);
    Tensor embeds = tap_of(&taps, "model#inputs_embeds"), tokens = tap_of(&taps, LANGUAGE ".embed_tokens");
    for (int64_t i = 0; i < rows(embeds); i++) {
        int image = take(merges[_i].image_places, i), video = take(merges[_i].video_places, i);
        const real *expected = row_of(tokens, i); /* .. and soft tokens are not scaled as words are */
        if (image >= 0) expected = row_of(tap_of(&taps, merges[_i].features[0]), image);
        if (video >= 0) expected = row_of(tap_of(&taps, merges[_i].features[1]), video);
        for (int j = 0; j < TINY_HIDDEN; j++)
            assert_near(row_of(embeds, i)[j], expected[j], 0, "inputs_embeds", i * TINY_HIDDEN + j);
    }
    Tensor normed = tap_of(&taps, LANGUAGE ".layers.0.input_layernorm");
    ck_assert_int_eq(rows(normed), rows(embeds)); /* the text's taps have no "@" */
    bool twice = merges[_i].features[0] && merges[_i].features[1];
    ck_assert(has_tap(&taps, "model.vision_tower@1") == twice);
    ck_assert(!has_tap(&taps, "logits@1"));
}
END_TEST

/* Every placeholder, of whatever kind, is looked up as pad_token_id: token 5 here, which stands last. */
START_TEST(placeholders_are_padding)
{
    Recording taps = { 0 };
    tiny_pass(tiny_write_multimodal(TEXT, "{}"), "{\"input_ids\": [[1, 20, 21, 22, 5]]}", (Pass){ 0 }, &taps);
    static const char *const tables[] = { LANGUAGE ".embed_tokens", LANGUAGE ".embed_tokens_per_layer" };
    for (int t = 0; t < COUNT(tables); t++) {
        Tensor embeds = tap_of(&taps, tables[t]);
        for (int i = 0; i < 5; i++)
            for (int64_t j = 0; j < last(embeds); j++) {
                bool same = row_of(embeds, i)[j] == row_of(embeds, 4)[j];
                ck_assert_msg(same == (i > 0), "%s: token %d, channel %d", tables[t], i, (int)j);
            }
    }
}
END_TEST

/* Hugging Face's own ids lie beyond a small vocabulary. */
START_TEST(placeholders_beyond_the_vocabulary)
{
    Recording taps = { 0 };
    const char *folder = tiny_write_multimodal(
        TEXT, "{\"image_token_id\": 258880, \"video_token_id\": 258884, \"audio_token_id\": 258881}");
    tiny_pass(folder, "{\"input_ids\": [[1, 258880, 258884, 258881]], " ONE_IMAGE "}", (Pass){ 0 }, &taps);
    Tensor embeds = tap_of(&taps, "model#inputs_embeds"), features = tap_of(&taps, "model.embed_vision");
    for (int j = 0; j < TINY_HIDDEN; j++) assert_near(row_of(embeds, 1)[j], features.data[j], 0, "soft token", j);
}
END_TEST

/* ---------------------------------------------------------------- masks */

/* Whether token 1 may look at token 2 in sliding layers; in full ones it never may. */
static const struct {
    const char *bidirectional, *arrays;
    int ahead;
} masks[] = {
    { "\"vision\"", "{\"input_ids\": [[1, 20, 20, 3]], \"mm_token_type_ids\": [[0, 1, 1, 0]]}", 1 },
    { "\"vision\"", "{\"input_ids\": [[1, 20, 20, 3]], \"mm_token_type_ids\": [[0, 0, 0, 0]]}", 0 },
    { "\"vision\"", "{\"input_ids\": [[1, 20, 20, 3]]}", 0 }, /* the ids alone decide nothing */
    { "null", "{\"input_ids\": [[1, 20, 20, 3]], \"mm_token_type_ids\": [[0, 1, 1, 0]]}", 0 },
};

START_TEST(blocks)
{
    Recording taps = { 0 };
    const char *text = arena_format(&scratch, "{\"use_bidirectional_attention\": %s}", masks[_i].bidirectional);
    tiny_pass(tiny_write_multimodal(text, "{}"), masks[_i].arrays, (Pass){ 0 }, &taps);
    assert_near(tap_of(&taps, LANGUAGE "#causal_mask_mapping.sliding_attention").data[4 + 2], masks[_i].ahead, 0,
                "sliding", 1);
    assert_near(tap_of(&taps, LANGUAGE "#causal_mask_mapping.full_attention").data[4 + 2], 0, 0, "full", 1);
}
END_TEST

/* Padding is masked, whichever masks are made; and the arange of positions goes on over it. */
static const char *const padded[] = {
    "{\"input_ids\": [[0, 1, 2]], \"attention_mask\": [[0, 1, 1]]}",
    "{\"input_ids\": [[0, 1, 2]], \"attention_mask\": [[0, 1, 1]], \"mm_token_type_ids\": [[0, 0, 0]]}",
};

START_TEST(padding)
{
    static const real expected[] = { 0, 0, 0, 0, 1, 0, 0, 1, 1 };
    Recording taps = { 0 };
    tiny_pass(tiny_write_multimodal(TEXT, "{}"), padded[_i], (Pass){ 0 }, &taps);
    Tensor full = tap_of(&taps, LANGUAGE "#causal_mask_mapping.full_attention");
    Tensor sliding = tap_of(&taps, LANGUAGE "#causal_mask_mapping.sliding_attention");
    for (int i = 0; i < 9; i++) {
        assert_near(full.data[i], expected[i], 0, "full", i);
        assert_near(sliding.data[i], expected[i], 0, "sliding", i);
    }
    Tensor cosines = tap_of(&taps, LANGUAGE ".rotary_emb#full_attention_cos");
    for (int i = 0; i < 3; i++) assert_near(cosines.data[i * TINY_FULL_DIM], cos(i), CLOSE, "position", i);
}
END_TEST

/* ---------------------------------------------------------------- the whole */

static const char *const order[] = {
    LANGUAGE ".embed_tokens",
    LANGUAGE ".embed_tokens_per_layer",
    "model.vision_tower#padding_positions",
    "model.vision_tower",
    "model.embed_vision",
    "model#inputs_embeds",
    LANGUAGE "#causal_mask_mapping.full_attention",
    LANGUAGE "#causal_mask_mapping.sliding_attention",
    LANGUAGE ".per_layer_model_projection",
    LANGUAGE ".per_layer_projection_norm",
    LANGUAGE "#per_layer_inputs",
    LANGUAGE ".rotary_emb#full_attention_cos",
    LANGUAGE ".layers.0",
    LANGUAGE ".layers.3",
    LANGUAGE ".norm",
    LANGUAGE,
    "model",
    "lm_head",
    "logits",
};

START_TEST(order_of_taps)
{
    Recording taps = { 0 };
    tiny_pass(tiny_write_multimodal(TEXT, "{}"), merges[0].arrays, (Pass){ 0 }, &taps);
    for (int i = 1; i < COUNT(order); i++)
        ck_assert_msg(place_of(&taps, order[i - 1]) < place_of(&taps, order[i]), "%s comes late", order[i - 1]);
    ck_assert_int_eq(place_of(&taps, "logits"), taps.count - 1);
    assert_tensor(tap_of(&taps, "model"), tap_of(&taps, LANGUAGE), 0, "model");
    Tensor logits = tap_of(&taps, "logits");
    ck_assert_mem_eq(logits.shape, ((int64_t[]){ 1, 4, TINY_VOCABULARY }), 3 * sizeof *logits.shape);
}
END_TEST

START_TEST(pixels_alone)
{
    Recording taps = { 0 };
    /* without input_ids nobody asks for positions of tokens */
    tiny_pass(tiny_write_multimodal(TEXT, "{}"), "{" TWO_IMAGES ", \"position_ids\": [[0.5]]}", (Pass){ 0 }, &taps);
    ck_assert_int_eq(place_of(&taps, "model.embed_vision"), taps.count - 1);
    ck_assert(!has_tap(&taps, LANGUAGE ".embed_tokens"));
}
END_TEST

/* ---------------------------------------------------------------- the hook */

/* Every tap of a pass in turn is bent by the hook. Whatever it is, the logits follow: nothing is computed beside it. */
typedef struct {
    const char *bent; /* its name */
    Recording taps;
} Bend;

static void bend(void *context, const Tap *tap)
{
    Bend *b = context;
    record(&b->taps, tap);
    if (!b->bent || strcmp(tap->name, b->bent) != 0) return;
    bool mask = strstr(tap->name, "#causal_mask_mapping."), index = strstr(tap->name, "#top_k_index");
    real *values = tap->values;
    for (int64_t i = 0; i < tap->count; i++)
        values[i] = mask ? 1 - values[i] : index ? 3 - values[i] : values[i] + (real)(0.3 * sin((double)(i + 1)));
}

static Tensor bent_logits(Model *model, const Inputs *inputs, Bend *b)
{
    b->taps = (Recording){ 0 };
    reference.forward(model, inputs, &(Pass){ .hook = bend, .hook_context = b });
    return tap_of(&b->taps, "logits");
}

static const char *const bent_models[] = {
    "{\"use_bidirectional_attention\": \"vision\", \"hidden_size_per_layer_input\": 4, \"num_kv_shared_layers\": 2,"
    " \"final_logit_softcapping\": 5}",
    "{\"enable_moe_block\": true, \"num_experts\": 4, \"top_k_experts\": 2, \"moe_intermediate_size\": 5,"
    " \"attention_k_eq_v\": true}",
};

START_TEST(every_tap_decides)
{
    Error error = { "" };
    Bend b = { 0 };
    write_arrays(temporary("inputs.safetensors"),
                 "{\"input_ids\": [[1, 20, 3, 4, 21, 21, 5]], " ONE_IMAGE ", " VIDEO "}");
    Model *model = model_open(tiny_write_multimodal(bent_models[_i], "{}"), &error);
    Inputs inputs = inputs_open(temporary("inputs.safetensors"), &error);
    assert_clean(&error);
    Tensor straight = bent_logits(model, &inputs, &b);
    RecordedTap *taps = b.taps.taps;
    int count = b.taps.count - 1; /* but for logits themselves */
    for (int i = 0; i < count; i++) {
        if (strstr(taps[i].name, "#padding_positions") || strstr(taps[i].name, "#mask")) continue; /* not read back */
        b.bent = taps[i].name;
        Tensor bent = bent_logits(model, &inputs, &b);
        ck_assert_int_eq(b.taps.count, count + 1);
        ck_assert_msg(memcmp(bent.data, straight.data, (size_t)elements(bent) * sizeof(real)) != 0,
                      "%s decides nothing", taps[i].name);
    }
    inputs_close(&inputs);
    model_close(model);
}
END_TEST

/* The head of a gemma4 model: its own, or the embeddings; soft-capped by what text_config says */
static const char *const heads[] = { "{\"tie_word_embeddings\": true}", "{\"tie_word_embeddings\": false}" };

START_TEST(head)
{
    Error error = { "" };
    Recording taps = { 0 };
    const char *folder = tiny_write_multimodal("{\"final_logit_softcapping\": 2.5}", heads[_i]);
    tiny_pass(folder, "{\"input_ids\": [[1, 2]]}", (Pass){ 0 }, &taps);
    Checkpoint *checkpoint = checkpoint_open(folder, &error);
    const char *key = _i == 0 ? LANGUAGE ".embed_tokens.weight" : "lm_head.weight";
    Tensor uncapped = linear(tap_of(&taps, "model"), checkpoint_find(checkpoint, key)->array, NULL,
                             run_as(ROUNDING_NONE));
    assert_tensor(tap_of(&taps, "lm_head"), uncapped, 8 * CLOSE, "lm_head");
    Tensor logits = tap_of(&taps, "logits");
    for (int64_t i = 0; i < elements(logits); i++)
        assert_near(logits.data[i], 2.5 * tanh(uncapped.data[i] / 2.5), 8 * CLOSE, "logit", i);
    checkpoint_close(checkpoint);
}
END_TEST

START_TEST(everything_is_asked_for)
{
    Error error = { "" };
    Model *model = model_open(tiny_write_multimodal(TEXT, "{\"tie_word_embeddings\": false}"), &error);
    assert_clean(&error);
    const Checkpoint *checkpoint = model_checkpoint(model);
    for (int i = 0; i < checkpoint->tensor_count; i++)
        ck_assert_msg(checkpoint->tensors[i].asked, "%s is left over", checkpoint->tensors[i].array->name);
    model_close(model);
}
END_TEST

Suite *gemma4_model_suite(void)
{
    Suite *suite = suite_create("gemma4_model");
    TCase *tcase = theme(suite, "merge");
    tcase_add_loop_test(tcase, merged, 0, COUNT(merges));
    tcase_add_test(tcase, placeholders_are_padding);
    tcase_add_test(tcase, placeholders_beyond_the_vocabulary);
    tcase = theme(suite, "masks");
    tcase_add_loop_test(tcase, blocks, 0, COUNT(masks));
    tcase_add_loop_test(tcase, padding, 0, COUNT(padded));
    tcase = theme(suite, "whole");
    tcase_add_test(tcase, order_of_taps);
    tcase_add_test(tcase, pixels_alone);
    tcase_add_loop_test(tcase, head, 0, COUNT(heads));
    tcase_add_test(tcase, everything_is_asked_for);
    tcase_add_loop_test(theme(suite, "hook"), every_tap_decides, 0, COUNT(bent_models));
    return suite;
}
