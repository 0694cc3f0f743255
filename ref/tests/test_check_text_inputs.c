/* test_check_text_inputs.c - token ids and masks that a forward pass could not take: every refusal */
#include "model.h"
#include "tiny.h"

typedef enum { TEXT, MULTIMODAL } Family;

#define FRAME "[[0, 0], [1, 0], [0, 1], [1, 1]]"
#define IMAGE "\"pixel_values\": \"1 4 12\", \"image_position_ids\": [" FRAME "]"
#define MASK "\"input_features_mask\": [[true, true, true, true, true]]"
#define SOUND(BINS) "\"input_features\": \"1 5 " #BINS "\", " MASK
#define VIDEO "\"pixel_values_videos\": \"2 4 12\", \"video_position_ids\": [" FRAME "," FRAME "]"

static const char *folder_of(Family family, const char *changes)
{
    return family == TEXT ? tiny_write(changes) : tiny_write_multimodal(changes, "{}");
}

/* max_new_tokens 0: of a forward pass alone */
static void check(const char *folder, const char *arrays, int max_new_tokens, Error *error)
{
    write_arrays(temporary("inputs.safetensors"), arrays);
    Model *model = model_open(folder, error);
    assert_clean(error);
    Inputs inputs = inputs_open(temporary("inputs.safetensors"), error);
    assert_clean(error);
    model_check(model, &inputs, error);
    if (max_new_tokens && !error_is_set(error)) model_check_generation(model, &inputs, max_new_tokens, error);
    inputs_close(&inputs);
    model_close(model);
}

static const struct {
    Family family;
    const char *changes, *arrays;
    int max_new_tokens;
} good[] = {
    { TEXT, "{}", "{\"input_ids\": [[0, 22, 5]]}", 0 },
    { TEXT, "{}", "{\"input_ids\": [[5]]}", 0 },
    { TEXT, "{}", "{\"input_ids\": [[1, 2], [3, 4]], \"attention_mask\": [[1, 1], [0, 1]]}", 61 },
    { TEXT, "{}", "{\"input_ids\": [[1, 2], [3, 4]], \"attention_mask\": [[1, 0], [0, 1]]}", 0 },
    { TEXT, "{}", "{\"input_ids\": [[1, 2, 3, 4]], \"attention_mask\": [[0, 1, 1, 0]]}", 0 },
    { TEXT, "{}", "{\"input_ids\": [[1, 2]], \"position_ids\": [[900, 0]]}",
      0 }, /* a jump: not packed sequences here */
    { TEXT, "{}", "{\"input_ids\": [[1, 2]], \"mm_token_type_ids\": [[3, 0]]}", 0 },
    { TEXT, "{\"max_position_embeddings\": 10}", "{\"input_ids\": [[1, 2, 3, 4]]}", 6 },
    { TEXT, "{\"hidden_size_per_layer_input\": 2, \"vocab_size_per_layer_input\": 30}", "{\"input_ids\": [[22]]}", 0 },
    { TEXT, "{\"vocab_size_per_layer_input\": 10}", "{\"input_ids\": [[22]]}", 0 }, /* no table of that size is used */
    { MULTIMODAL, "{}", "{\"input_ids\": [[1, 20, 3]], " IMAGE "}", 0 },
    { MULTIMODAL, "{}", "{\"input_ids\": [[1, 21, 21]], " VIDEO ", \"num_frames_per_video\": [1, 1]}", 3 },
    { MULTIMODAL, "{}", "{\"input_ids\": [[20, 21, 22]]}", 0 }, /* placeholders alone: HF takes them as padding */
    { MULTIMODAL, "{}", "{\"input_ids\": [[1, 22, 22]]}", 0 },  /* so it is with sound alone */
    { MULTIMODAL, "{}", "{\"input_ids\": [[1, 22, 22]], " SOUND(12) "}", 0 },
    { MULTIMODAL, "{}", "{" IMAGE "}", 0 },
    { MULTIMODAL, "{}", "{\"input_ids\": [[1, 2, 3], [1, 2, 3]], \"position_ids\": [[4, 5, 6], [0, 1, 2]]}", 0 },
    { MULTIMODAL, "{}", "{\"input_ids\": [[1, 2, 3]], \"position_ids\": [[0, 0, 1]], \"attention_mask\": [[0, 1, 1]]}",
      0 },
    { MULTIMODAL, "{\"pad_token_id\": null}", "{\"input_ids\": [[1, 2, 3]]}", 0 },
    { MULTIMODAL, "{\"hidden_size_per_layer_input\": 2, \"vocab_size_per_layer_input\": 10}",
      "{\"input_ids\": [[9, 20]]}", 0 },
};

START_TEST(accepted)
{
    Error error = { "" };
    check(folder_of(good[_i].family, good[_i].changes), good[_i].arrays, good[_i].max_new_tokens, &error);
    assert_clean(&error);
}
END_TEST

static const struct {
    Family family;
    const char *changes, *arrays;
    int max_new_tokens;
    const char *says;
} bad[] = {
    /* ids */
    { TEXT, "{}", "{\"ids\": [[1]]}", 0, ": input_ids: found no such input, expected [batch, tokens]" },
    { TEXT, "{}", "{\"input_ids\": [1, 2]}", 0,
      ": input_ids: found shape [2], expected [batch, tokens] with at least one token" },
    { TEXT, "{}", "{\"input_ids\": [[[1]]]}", 0, ": input_ids: found shape [1, 1, 1], expected [batch, tokens]" },
    { TEXT, "{}", "{\"input_ids\": [[]]}", 0,
      ": input_ids: found shape [1, 0], expected [batch, tokens] with at least" },
    { TEXT, "{}", "{\"input_ids\": []}", 0,
      ": input_ids: found shape [0], expected [batch, tokens] with at least one" },
    { TEXT, "{}", "{\"input_ids\": [[1.0, 2.0]]}", 0, ": input_ids: found dtype F32, expected an integer dtype" },
    { TEXT, "{}", "{\"input_ids\": [[1, 2], [3, 23]]}", 0, ": input_ids: found token 23 at [1, 1], expected 0 to 22" },
    { TEXT, "{}", "{\"input_ids\": [[1, 2, 3], [4, 99, 5]]}", 0, ": input_ids: found token 99 at [1, 1], expected 0" },
    { TEXT, "{}", "{\"input_ids\": [[1, 2, -1]]}", 0, ": input_ids: found token -1 at [0, 2], expected 0 to 22" },
    { TEXT, "{\"hidden_size_per_layer_input\": 2, \"vocab_size_per_layer_input\": 10}", "{\"input_ids\": [[9, 10]]}", 0,
      ": input_ids: found token 10 at [0, 1], expected 0 to 9" },
    { MULTIMODAL, "{}", "{\"input_ids\": [[1, 20, 23]], " IMAGE "}", 0,
      ": input_ids: found token 23 at [0, 2], expected" },
    { MULTIMODAL, "{}", "{\"input_ids\": [[1.5, 2]]}", 0, ": input_ids: found dtype F32, expected an integer dtype" },
    { MULTIMODAL, "{\"pad_token_id\": null}", "{\"input_ids\": [[1, 20]], " IMAGE "}", 0,
      ": pad_token_id: found none, expected one to stand for multimodal tokens" },
    /* masks and positions */
    { TEXT, "{}", "{\"input_ids\": [[1, 2]], \"attention_mask\": [[1, 1, 1]]}", 0,
      ": attention_mask: found shape [1, 3], expected that of input_ids, [1, 2]" },
    { TEXT, "{}", "{\"input_ids\": [[1, 2, 3, 4]], \"attention_mask\": [[1, 1], [1, 1]]}", 0,
      ": attention_mask: found shape [2, 2], expected that of input_ids, [1, 4]" },
    { TEXT, "{}", "{\"input_ids\": [[1, 2]], \"attention_mask\": [1, 1]}", 0,
      ": attention_mask: found shape [2], expected [batch, tokens]" },
    { TEXT, "{}", "{\"input_ids\": [[1, 2]], \"attention_mask\": [[1.0, 1.0]]}", 0,
      ": attention_mask: found dtype F32, expected an integer dtype" },
    { TEXT, "{}", "{\"input_ids\": [[1, 2]], \"attention_mask\": [[1, 2]]}", 0,
      ": attention_mask: found 2 at [0, 1], expected 0 or 1" },
    { TEXT, "{}", "{\"input_ids\": [[1, 2], [3, 4]], \"attention_mask\": [[1, 1], [-1, 1]]}", 0,
      ": attention_mask: found -1 at [1, 0], expected 0 or 1" },
    { TEXT, "{}", "{\"input_ids\": [[1, 2, 3], [1, 2, 3]], \"attention_mask\": [[1, 1, 1], [1, 0, 1]]}", 0,
      ": attention_mask: found a hole in row 1, expected padding at the ends only" },
    { TEXT, "{}", "{\"input_ids\": [[1, 2], [3, 4]], \"attention_mask\": [[1, 1], [0, 0]]}", 0,
      ": attention_mask: found no token in row 1, expected one" },
    { MULTIMODAL, "{}", "{\"input_ids\": [[1, 2, 3]], \"attention_mask\": [[1, 0, 1]]}", 0,
      ": attention_mask: found a hole in row 0, expected padding at the ends only" },
    { TEXT, "{}", "{\"input_ids\": [[1, 2]], \"position_ids\": [[0, -1]]}", 0,
      ": position_ids: found -1 at token 1, expected 0 or above" },
    { TEXT, "{}", "{\"input_ids\": [[1, 2], [1, 2]], \"position_ids\": [[0, 1]]}", 0,
      ": position_ids: found shape [1, 2], expected that of input_ids, [2, 2]" },
    { TEXT, "{}", "{\"input_ids\": [[1, 2]], \"position_ids\": [[0.0, 1.0]]}", 0,
      ": position_ids: found dtype F32, expected an integer dtype" },
    { MULTIMODAL, "{}", "{\"input_ids\": [[1, 2, 3], [1, 2, 3]], \"position_ids\": [[4, 5, 6], [0, 1, 1]]}", 0,
      ": position_ids: found a jump at token 5, expected an attention_mask with it" },
    { MULTIMODAL, "{}", "{\"input_ids\": [[1, 2]], \"mm_token_type_ids\": [[0, 1, 0]]}", 0,
      ": mm_token_type_ids: found shape [1, 3], expected that of input_ids, [1, 2]" },
    { MULTIMODAL, "{}", "{\"input_ids\": [[1, 2]], \"mm_token_type_ids\": [[0.0, 1.0]]}", 0,
      ": mm_token_type_ids: found dtype F32, expected an integer dtype" },
    { TEXT, "{}", "{\"input_ids\": [[1, 2]], \"prefill_chunk_size\": [0]}", 0,
      ": prefill_chunk_size: found 0, expected 1 or more" },
    { TEXT, "{}", "{\"input_ids\": [[1, 2]], \"prefill_chunk_size\": [1.0]}", 0,
      ": prefill_chunk_size: found F32 of shape [1], expected one whole number" },
    { TEXT, "{}", "{\"input_ids\": [[1, 2]], \"prefill_chunk_size\": [1, 2]}", 0,
      ": prefill_chunk_size: found I64 of shape [2], expected one whole number" },
    /* soft tokens */
    { MULTIMODAL, "{}", "{\"input_ids\": [[1, 2, 3]], " IMAGE "}", 0,
      ": input_ids: found 0 image tokens (id 20), expected 1, one for each of the features" },
    { MULTIMODAL, "{}", "{\"input_ids\": [[20, 2], [1, 20]], " IMAGE "}", 0,
      ": input_ids: found 2 image tokens (id 20), expected 1, one for each of the features" },
    { MULTIMODAL, "{}", "{\"input_ids\": [[1, 21, 3]], " VIDEO ", \"num_frames_per_video\": [2]}", 0,
      ": input_ids: found 1 video tokens (id 21), expected 2, one for each of the features" },
    { MULTIMODAL, "{}", "{\"input_ids\": [[21, 21, 20]], " VIDEO "}", 0,
      ": num_frames_per_video: found no such input, expected the number of frames of each video" },
    { MULTIMODAL, "{}", "{\"input_ids\": [[21, 21]], " VIDEO ", \"num_frames_per_video\": [[2]]}", 0,
      ": num_frames_per_video: found [1, 1], expected the number of frames of each video" },
    { MULTIMODAL, "{}", "{\"input_ids\": [[21, 21]], " VIDEO ", \"num_frames_per_video\": [2.0]}", 0,
      ": num_frames_per_video: found [1], expected the number of frames of each video" },
    { MULTIMODAL, "{}", "{\"input_ids\": [[21, 21]], " VIDEO ", \"num_frames_per_video\": [2, 0]}", 0,
      ": num_frames_per_video: found 0 for video 1, expected 1 or more" },
    { MULTIMODAL, "{}", "{\"input_ids\": [[21, 21]], " VIDEO ", \"num_frames_per_video\": [1, 2]}", 0,
      ": num_frames_per_video: found 3 frames in all, expected 2 as in pixel_values_videos" },
    { MULTIMODAL, "{}",
      "{\"input_ids\": [[21, 21]], \"pixel_values_videos\": \"2 4 12\", \"num_frames_per_video\": [2]}", 0,
      ": video_position_ids: found no such input, expected [batch, patches, 2]" },
    { MULTIMODAL, "{}",
      "{\"input_ids\": [[21, 21]], \"pixel_values_videos\": \"2 4 11\", \"num_frames_per_video\": [2],"
      " \"video_position_ids\": [" FRAME "," FRAME "]}",
      0, ": pixel_values_videos: found shape [2, 4, 11], expected [batch, patches, 12]" },
    /* which inputs */
    { MULTIMODAL, "{}", "{\"positions\": [1]}", 0,
      ": found neither input_ids nor pixel_values nor input_features, expected one" },
    { MULTIMODAL, "{}", "{" IMAGE ", " VIDEO "}", 0,
      ": pixel_values_videos: found it without input_ids, expected both" },
    { MULTIMODAL, "{}", "{" IMAGE ", " SOUND(12) "}", 0, "without input_ids, expected one of them" },
    /* sound */
    { MULTIMODAL, "{}", "{\"input_ids\": [[1, 22]], \"input_features\": \"1 4 12\"}", 0,
      ": input_features_mask: found no such input, expected [audios, frames]" },
    { MULTIMODAL, "{}", "{\"input_ids\": [[1, 22]], " SOUND(13) "}", 0,
      ": input_features: found shape [1, 5, 13], expected [audios, frames, 12]" },
    { MULTIMODAL, "{}", "{\"input_ids\": [[1, 22]], " SOUND(8) "}", 0,
      ": input_features: found shape [1, 5, 8], expected [audios, frames, 12]" },
    { MULTIMODAL, "{}", "{\"input_ids\": [[1, 22]], \"input_features\": \"4 12\"}", 0,
      ": input_features: found shape [4, 12], expected [audios, frames, 12]" },
    { MULTIMODAL, "{}", "{\"input_ids\": [[1, 22]], \"input_features\": \"1 4 12\", " MASK "}", 0,
      ": input_features_mask: found shape [1, 5], expected [1, 4] as in input_features" },
    { MULTIMODAL, "{}", "{\"input_ids\": [[1, 22]], \"input_features\": \"2 5 12\", " MASK "}", 0,
      ": input_features_mask: found shape [1, 5], expected [2, 5] as in input_features" },
    { MULTIMODAL, "{}",
      "{\"input_ids\": [[1, 22]], \"input_features\": \"1 5 12\", "
      "\"input_features_mask\": [[1, 1, 1, 1, 0]]}",
      0, ": input_features_mask: found dtype I64, expected BOOL" },
    { MULTIMODAL, "{}", "{\"input_ids\": [[22, 22, 22]], " SOUND(12) "}", 0,
      ": input_ids: found 3 audio tokens (id 22), expected 2, one for each of the features" },
    { MULTIMODAL, "{}", "{\"input_ids\": [[1, 22]], " SOUND(12) "}", 0,
      ": input_ids: found 1 audio tokens (id 22), expected 2, one for each of the features" },
    { MULTIMODAL, "{}", "{\"input_ids\": [[1, 2]], " SOUND(12) "}", 0,
      ": input_ids: found 0 audio tokens (id 22), expected 2, one for each of the features" },
    { TEXT, "{}", "{\"input_ids\": [[1, 20]], " IMAGE "}", 0,
      ": pixel_values: found pixels or sound, expected token ids alone for a text model" },
    { TEXT, "{}", "{\"input_ids\": [[1, 20]], " VIDEO "}", 0,
      ": pixel_values_videos: found pixels or sound, expected" },
    { TEXT, "{}", "{\"input_ids\": [[1, 20]], \"input_features\": \"1 2\"}", 0,
      ": input_features: found pixels or sound" },
    /* generation */
    { TEXT, "{\"max_position_embeddings\": 10}", "{\"input_ids\": [[1, 2, 3, 4]]}", 7,
      ": input_ids: found 4 tokens and 7 new ones, expected at most 10 in all (max_position_embeddings)" },
    { TEXT, "{}", "{\"input_ids\": [[1, 2], [3, 4]], \"attention_mask\": [[1, 1], [1, 0]]}", 1,
      ": attention_mask: found padding behind row 1, expected it on the left to generate" },
    { MULTIMODAL, "{}", "{" IMAGE "}", 1, ": input_ids: found no such input, expected a prompt" },
};

START_TEST(refused)
{
    Error error = { "" };
    check(folder_of(bad[_i].family, bad[_i].changes), bad[_i].arrays, bad[_i].max_new_tokens, &error);
    assert_refused(&error, temporary("inputs.safetensors"), bad[_i].says);
}
END_TEST

/* Features and a mask as bytes */
static void assert_sound_refused(const float *features, Dtype dtype, const unsigned char *mask, const char *says)
{
    Error error = { "" };
    const char *path = temporary("inputs.safetensors");
    SafetensorsWriter *writer = safetensors_writer_open(path, &error);
    safetensors_writer_begin(writer, "input_features", DTYPE_F32, SHAPE(1, 1, 12));
    safetensors_writer_append(writer, features, 12 * sizeof *features);
    safetensors_writer_begin(writer, "input_features_mask", dtype, SHAPE(1, 1));
    safetensors_writer_append(writer, mask, 1);
    safetensors_writer_close(writer, &error);
    Model *model = model_open(folder_of(MULTIMODAL, "{}"), &error);
    Inputs inputs = inputs_open(path, &error);
    assert_clean(&error);
    model_check(model, &inputs, &error);
    if (says)
        assert_refused(&error, path, says);
    else
        assert_clean(&error);
    inputs_close(&inputs);
    model_close(model);
}

START_TEST(sound_as_bytes)
{
    static const float zeros[12], nan[12] = { 0, NAN }, infinite[12] = { 0, 0, -INFINITY };
    static const unsigned char one = 1, many = 255;
    assert_sound_refused(zeros, DTYPE_U8, &one, NULL);
    assert_sound_refused(nan, DTYPE_BOOL, &one, ": input_features: found NaN or infinity, expected finite values");
    assert_sound_refused(infinite, DTYPE_BOOL, &one, ": input_features: found NaN or infinity");
    assert_sound_refused(zeros, DTYPE_U8, &many, ": input_features_mask: found 255 at frame 0, expected 1, or 0 at");
}
END_TEST

/* A checkpoint of the vision path alone takes pixels alone. */
START_TEST(no_language_model)
{
    Error error = { "" };
    check(E2B "/model", "{\"input_ids\": [[1, 2]]}", 0, &error);
    assert_refused(&error, temporary("inputs.safetensors"),
                   ": input_ids: found a prompt, expected none for a checkpoint without a language model");
}
END_TEST

Suite *check_text_inputs_suite(void)
{
    Suite *suite = suite_create("check_text_inputs");
    TCase *tcase = theme(suite, "inputs");
    tcase_add_loop_test(tcase, accepted, 0, COUNT(good));
    tcase_add_test(tcase, sound_as_bytes);
    tcase_add_loop_test(tcase, refused, 0, COUNT(bad));
    tcase_add_test(tcase, no_language_model);
    return suite;
}
