/* test_padding_rows.c - which rows of a tap are graded: two images of three patches, the last patch of image 1 is
 * padding; and two prompts of three tokens, the first token of prompt 1 is padding */
#include "noise/padding_rows.h"

#include "dumps.h"

static void observe(PaddingRows *rows, const char *name, int64_t columns, const double *mask)
{
    Tap tap = { .name = name,
                .rank = 2,
                .shape = { 2, columns },
                .count = 2 * columns,
                .values = (void *)mask,
                .value_size = sizeof *mask };
    padding_rows_observe(rows, &tap);
}

static void observe_text(PaddingRows *rows, const char *name, int64_t q, int64_t kv, const double *mask)
{
    Tap tap = { .name = name,
                .rank = 4,
                .shape = { 2, 1, q, kv },
                .count = 2 * q * kv,
                .values = (void *)mask,
                .value_size = sizeof *mask };
    padding_rows_observe(rows, &tap);
}

static const double causal[] = { 1, 0, 0, 1, 1, 0, 1, 1, 1, 0, 0, 0, 0, 1, 0, 0, 1, 1 };

static const char *left_out_rows(const PaddingRows *rows, const char *name, int rank, const int64_t *shape)
{
    Tap tap = { .name = name, .rank = rank };
    memcpy(tap.shape, shape, (size_t)rank * sizeof *shape);
    int64_t count = 1;
    for (int i = 0; i < rank - 1; i++) count *= tap.shape[i];

    const TapRows of_tap = padding_rows_tap(rows, &tap);
    const char *left_out = "";
    for (int64_t row = 0; row < count; row++)
        if (!padding_rows_graded(rows, &of_tap, row))
            left_out = arena_format(&scratch, *left_out ? "%s %lld" : "%s%lld", left_out, (long long)row);
    return left_out;
}

/* Each tap with its shape, and the rows that are not graded. */
static const struct {
    const char *name;
    int rank;
    int64_t shape[TENSOR_MAX_RANK];
    const char *left_out;
} taps[] = {
    { "model.vision_tower.patch_embedder.input_proj", 3, { 2, 3, 4 }, "5" },
    { "model.vision_tower.patch_embedder#position_embeddings", 3, { 2, 3, 4 }, "5" },
    { "model.vision_tower.encoder.rotary_emb#cos", 3, { 2, 3, 4 }, "5" },
    { "model.vision_tower.encoder", 3, { 2, 3, 4 }, "5" },
    { "model.vision_tower.encoder.layers.0.self_attn.q_norm", 4, { 2, 3, 2, 4 }, "10 11" },
    { "model.vision_tower.encoder.layers.0.self_attn#query_states", 4, { 2, 2, 3, 4 }, "8 11" },
    { "model.vision_tower.encoder.layers.0.self_attn#key_states", 4, { 2, 2, 3, 4 }, "8 11" },
    { "model.vision_tower.encoder.layers.0.self_attn#value_states", 4, { 2, 2, 3, 4 }, "8 11" },
    { "model.vision_tower.encoder.layers.0.self_attn#attn_weights", 4, { 2, 2, 3, 3 }, "8 11" },
    { "model.vision_tower.encoder.layers.0.self_attn#attn_output", 3, { 2, 3, 8 }, "5" },
    { "model.vision_tower.pooler", 3, { 2, 2, 4 }, "3" },
    { "model.vision_tower.pooler#mask", 2, { 2, 2 }, "" },
    { "model.vision_tower#padding_positions", 2, { 2, 3 }, "" },
    { "model.vision_tower", 2, { 3, 4 }, "" },
    { "model.embed_vision", 2, { 3, 4 }, "" },
};

START_TEST(graded_rows)
{
    PaddingRows rows = { 0 };
    observe(&rows, "model.vision_tower#padding_positions", 3, (const double[]){ 0, 0, 0, 0, 0, 1 });
    observe(&rows, "model.vision_tower.pooler#mask", 2, (const double[]){ 1, 1, 1, 0 });
    ck_assert_str_eq(left_out_rows(&rows, taps[_i].name, taps[_i].rank, taps[_i].shape), taps[_i].left_out);
    padding_rows_free(&rows);
}
END_TEST

#define T "model.language_model"
#define ATTENTION T ".layers.0.self_attn"

static const struct {
    const char *name;
    int rank;
    int64_t shape[TENSOR_MAX_RANK];
    const char *left_out;
} texts[] = {
    { "model.embed_tokens", 3, { 2, 3, 4 }, "3" },
    { T ".embed_tokens_per_layer", 3, { 2, 3, 8 }, "3" },
    { "model#inputs_embeds", 3, { 2, 3, 4 }, "3" },
    { T "#causal_mask_mapping.full_attention", 4, { 2, 1, 3, 3 }, "3" },
    { T "#per_layer_inputs", 4, { 2, 3, 2, 4 }, "6 7" },
    { T ".rotary_emb#full_attention_cos", 3, { 2, 3, 4 }, "3" },
    { T ".rotary_emb#full_attention_cos", 3, { 1, 3, 4 }, "" },
    { ATTENTION ".q_norm", 4, { 2, 3, 2, 4 }, "6 7" },
    { ATTENTION "#query_states", 4, { 2, 2, 3, 4 }, "6 9" },
    { ATTENTION "#key_states", 4, { 2, 2, 3, 4 }, "6 9" },
    { ATTENTION "#attn_weights", 4, { 2, 2, 3, 3 }, "6 9" },
    { ATTENTION "#attn_output", 3, { 2, 3, 8 }, "3" },
    { T ".layers.0.router", 2, { 6, 8 }, "3" },
    { T ".layers.0.router#top_k_index", 2, { 6, 2 }, "3" },
    { T ".layers.0.experts", 2, { 6, 4 }, "3" },
    { T ".layers.0", 3, { 2, 3, 4 }, "3" },
    { T, 3, { 2, 3, 4 }, "3" },
    { "logits", 3, { 2, 3, 9 }, "3" },
    { "logits", 3, { 2, 1, 9 }, "" },          /* of the last position */
    { T ".layers.1", 3, { 2, 2, 4 }, "" },     /* of the last two */
    { T ".layers.1.router", 2, { 4, 8 }, "" }, /* likewise */
    { T ".layers.0@1", 3, { 2, 1, 4 }, "" },
    { T ".layers.0.router@1", 2, { 2, 8 }, "" },
    { "input_ids@2", 2, { 2, 1 }, "" },
    { ATTENTION "#query_states@1", 4, { 2, 2, 1, 4 }, "" },
    { ATTENTION "#key_states@1", 4, { 2, 2, 4, 4 }, "8 12" }, /* the prompt's three and one more */
    { ATTENTION "#value_states@2", 4, { 2, 2, 5, 4 }, "10 15" },
    { ATTENTION "#key_states@1", 4, { 2, 2, 3, 4 }, "" }, /* of a window that no longer reaches the first */
    { T "#causal_mask_mapping.full_attention@1", 4, { 2, 1, 1, 4 }, "" },
    { "model.embed_vision", 2, { 3, 4 }, "" },
};

START_TEST(graded_rows_of_text)
{
    PaddingRows rows = { .batch = 2, .tokens = 3 };
    observe_text(&rows, T "#causal_mask_mapping.sliding_attention", 3, 3, causal);
    observe_text(&rows, T "#causal_mask_mapping.sliding_attention@1", 1, 4, (const double[8]){ 0 });
    ck_assert_str_eq(left_out_rows(&rows, texts[_i].name, texts[_i].rank, texts[_i].shape), texts[_i].left_out);
    padding_rows_free(&rows);
}
END_TEST

/* Before a mask was seen, everything is. */
START_TEST(graded_before_the_mask)
{
    PaddingRows rows = { .batch = 2, .tokens = 3 };
    ck_assert_str_eq(left_out_rows(&rows, T ".embed_tokens", 3, (const int64_t[4]){ 2, 3, 4 }), "");
    padding_rows_free(&rows);
}
END_TEST

static const struct {
    const char *name;
    int rank;
    int64_t shape[TENSOR_MAX_RANK], row;
    Token token; /* batch -1: none */
} tokens[] = {
    { T ".layers.0", 3, { 2, 3, 4 }, 4, { 1, 1 } },
    { T ".layers.0", 3, { 2, 1, 4 }, 1, { 1, 2 } },
    { T ".layers.0.router", 2, { 6, 8 }, 5, { 1, 2 } },
    { ATTENTION ".q_norm", 4, { 2, 3, 2, 4 }, 9, { 1, 1 } },
    { ATTENTION "#key_states@2", 4, { 2, 2, 4, 4 }, 13, { 1, 2 } },
    { T ".layers.0@2", 3, { 2, 1, 4 }, 1, { 1, 4 } },
    { "input_ids@1", 2, { 2, 1 }, 0, { 0, 3 } },
    { T ".rotary_emb#full_attention_cos", 3, { 1, 3, 4 }, 1, { -1, 0 } },
    { "model.vision_tower.encoder", 3, { 2, 3, 4 }, 1, { -1, 0 } },
};

START_TEST(token_of_a_row)
{
    PaddingRows rows = { .batch = 2, .tokens = 3 };
    Token token = { -1, 0 };
    Tap tap = { .name = tokens[_i].name, .rank = tokens[_i].rank };
    memcpy(tap.shape, tokens[_i].shape, sizeof tap.shape);
    const TapRows of_tap = padding_rows_tap(&rows, &tap);
    ck_assert_int_eq(padding_rows_token(&rows, &of_tap, tokens[_i].row, &token), tokens[_i].token.batch >= 0);
    ck_assert_int_eq(token.batch, tokens[_i].token.batch);
    ck_assert_int_eq(token.column, tokens[_i].token.column);
}
END_TEST

/* Videos follow the images, with padding of their own. */
START_TEST(masks_of_videos)
{
    PaddingRows rows = { 0 };
    observe(&rows, "model.vision_tower#padding_positions", 3, (const double[]){ 0, 0, 0, 0, 0, 1 });
    observe(&rows, "model.vision_tower.pooler#mask", 2, (const double[]){ 1, 1, 1, 0 });
    observe(&rows, "model.vision_tower#padding_positions@1", 2, (const double[]){ 0, 1, 0, 0 });
    observe(&rows, "model.vision_tower.pooler#mask@1", 1, (const double[]){ 1, 0 });
    const int64_t encoder[TENSOR_MAX_RANK] = { 2, 2, 4 }, pooler[TENSOR_MAX_RANK] = { 2, 1, 4 };
    ck_assert_str_eq(left_out_rows(&rows, "model.vision_tower.encoder@1", 3, encoder), "1");
    ck_assert_str_eq(left_out_rows(&rows, "model.vision_tower.pooler@1", 3, pooler), "1");
    padding_rows_free(&rows);
}
END_TEST

/* Without pooling there is no mask, and masks of another pass replace those of the one before. */
START_TEST(masks_change)
{
    PaddingRows rows = { 0 };
    Tap pooler = { .name = "model.vision_tower.pooler", .rank = 3, .shape = { 1, 3, 4 } };
    Tap encoder = { .name = "model.vision_tower.encoder", .rank = 3, .shape = { 2, 3, 4 } };
    const TapRows of_pooler = padding_rows_tap(&rows, &pooler), of_encoder = padding_rows_tap(&rows, &encoder);
    ck_assert(padding_rows_graded(&rows, &of_pooler, 2));
    observe(&rows, "model.vision_tower#padding_positions", 3, (const double[]){ 0, 0, 0, 0, 0, 1 });
    observe(&rows, "model.vision_tower#padding_positions", 3, (const double[]){ 1, 0, 0, 0, 0, 0 });
    ck_assert(!padding_rows_graded(&rows, &of_encoder, 0) && padding_rows_graded(&rows, &of_encoder, 5));
    padding_rows_free(&rows);
}
END_TEST

/* Taps of a model without towers, where the inputs tell: two images, two frames and two sounds of two rows each */
static const struct {
    const char *name;
    int rank;
    int64_t shape[TENSOR_MAX_RANK];
    const char *left_out;
} embedded[] = {
    { "model.embed_vision.patch_ln1", 3, { 2, 2, 4 }, "3" },
    { "model.embed_vision#pos_embs", 3, { 2, 2, 4 }, "3" },
    { "model.embed_vision.multimodal_embedder", 3, { 2, 2, 4 }, "3" },
    { "model.embed_vision", 3, { 2, 2, 4 }, "3" },
    { "model.embed_vision.patch_dense@1", 3, { 2, 2, 4 }, "0 1" },
    { "model.embed_audio.embedding_pre_projection_norm", 3, { 2, 2, 4 }, "1 3" },
    { "model.embed_audio", 3, { 2, 2, 4 }, "1 3" },
    { "model.embed_vision", 2, { 3, 4 }, "" }, /* behind a tower: soft tokens alone */
    { "model#inputs_embeds", 3, { 2, 2, 4 }, "" },
};

#define PICTURE "\"pixel_values\": \"2 2 4\", \"image_position_ids\": [[[0, 0], [1, 0]], [[0, 0], [-1, -1]]],"
#define FILM "\"pixel_values_videos\": \"2 2 4\", \"video_position_ids\": [[[-1, 0], [0, -1]], [[0, 0], [1, 0]]],"
#define SOUND "\"input_features\": \"2 2 4\", \"input_features_mask\": [[true, false], [true, false]],"

static PaddingRows rows_with(const char *arrays, const json_t *config)
{
    Error error = { "" };
    write_arrays(temporary("inputs.safetensors"), arrays);
    Inputs inputs = inputs_open(temporary("inputs.safetensors"), &error);
    assert_clean(&error);
    PaddingRows rows = padding_rows_of(&inputs, config);
    inputs_close(&inputs);
    return rows;
}

START_TEST(padding_of_the_inputs)
{
    PaddingRows rows = rows_with("{" PICTURE FILM SOUND "\"input_ids\": [[1, 2], [3, 4]]}", NULL);
    ck_assert_str_eq(left_out_rows(&rows, embedded[_i].name, embedded[_i].rank, embedded[_i].shape),
                     embedded[_i].left_out);
    Tap sound = { .name = "model.embed_audio", .rank = 3, .shape = { 2, 2, 4 } };
    Token token;
    const TapRows of_sound = padding_rows_tap(&rows, &sound);
    ck_assert(!padding_rows_token(&rows, &of_sound, 0, &token));
    padding_rows_free(&rows);
}
END_TEST

/* Token 9 is an image's placeholder here. Only embeddings whose place a feature takes are nobody's business. */
START_TEST(overwritten_embeddings)
{
    json_t *config = json_pack("{s:{}, s:i}", "text_config", "image_token_id", 9), *text_only = json_object();
    const char *const names[] = { "model.language_model.embed_tokens", "model.language_model.embed_tokens_per_layer" };
    const int64_t shape[TENSOR_MAX_RANK] = { 2, 2, 4 };
    PaddingRows rows = rows_with("{" PICTURE "\"input_ids\": [[1, 9], [9, 4]]}", config);
    for (int i = 0; i < COUNT(names); i++) ck_assert_str_eq(left_out_rows(&rows, names[i], 3, shape), "1 2");
    ck_assert_str_eq(left_out_rows(&rows, "model.language_model.layers.0", 3, shape), "");
    padding_rows_free(&rows);

    rows = rows_with("{\"input_ids\": [[1, 9], [9, 4]]}", config); /* no picture comes with it */
    ck_assert_str_eq(left_out_rows(&rows, names[0], 3, shape), "");
    padding_rows_free(&rows);
    rows = rows_with("{" PICTURE "\"input_ids\": [[1, 9], [9, 4]]}", text_only);
    ck_assert_str_eq(left_out_rows(&rows, names[0], 3, shape), "");
    padding_rows_free(&rows);
    json_decref(config);
    json_decref(text_only);
}
END_TEST

START_TEST(videos_alone)
{
    PaddingRows rows = rows_with("{" FILM "\"input_ids\": [[1, 2]]}", NULL);
    ck_assert_str_eq(left_out_rows(&rows, "model.embed_vision", 3, (const int64_t[4]){ 2, 2, 4 }), "0 1");
    ck_assert_str_eq(left_out_rows(&rows, "model.embed_audio", 3, (const int64_t[4]){ 2, 2, 4 }), "");
    padding_rows_free(&rows);
}
END_TEST

Suite *padding_rows_suite(void)
{
    Suite *suite = suite_create("padding_rows");
    TCase *tcase = theme(suite, "padding");
    tcase_add_loop_test(tcase, graded_rows, 0, COUNT(taps));
    tcase_add_test(tcase, masks_change);
    tcase_add_test(tcase, masks_of_videos);
    tcase_add_loop_test(tcase, padding_of_the_inputs, 0, COUNT(embedded));
    tcase_add_test(tcase, videos_alone);
    tcase_add_test(tcase, overwritten_embeddings);
    tcase = theme(suite, "text");
    tcase_add_loop_test(tcase, graded_rows_of_text, 0, COUNT(texts));
    tcase_add_test(tcase, graded_before_the_mask);
    tcase_add_loop_test(tcase, token_of_a_row, 0, COUNT(tokens));
    return suite;
}
