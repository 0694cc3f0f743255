/* test_unified_check_inputs.c - every refusal of gemma4_unified/check_inputs.c */
#include "helpers.h"
#include "model.h"
#include "tiny.h"

#define PIXELS "\"pixel_values\": \"1 3 12\""
#define POSITIONS "\"image_position_ids\": [[[0, 0], [6, 6], [-1, -1]]]"
#define FRAMES "\"pixel_values_videos\": \"3 1 12\", \"video_position_ids\": [[[0, 0]], [[1, 0]], [[2, 0]]]"
#define SAMPLES "\"input_features\": \"1 2 5\""
#define MASK "\"input_features_mask\": [[true, false]]"
#define IDS(...) "\"input_ids\": [[" #__VA_ARGS__ "]]"

static void check(const char *changes, const char *arrays, Error *error)
{
    write_arrays(temporary("inputs.safetensors"), arrays);
    Model *model = model_open(tiny_write_unified("{}", changes), error);
    assert_clean(error);
    Inputs inputs = inputs_open(temporary("inputs.safetensors"), error);
    assert_clean(error);
    model_check(model, &inputs, error);
    inputs_close(&inputs);
    model_close(model);
}

static const char *const good[] = {
    "{" IDS(1, 2) "}",
    "{" IDS(20, 20) ", " PIXELS ", " POSITIONS "}",
    "{" IDS(20, 20) ", " PIXELS ", \"image_position_ids\": [[[0, 0], [-2, 3], [-1, 4]]]}",
    "{" IDS(21, 21, 21) ", " FRAMES ", \"num_frames_per_video\": [1, 2]}",
    "{" IDS(1, 22) ", " SAMPLES ", " MASK "}",
    "{" IDS(1, 2) ", " SAMPLES ", \"input_features_mask\": [[false, false]]}",
    "{" IDS(1, 2) ", " MASK "}", /* nothing looks at it */
    "{" PIXELS ", " POSITIONS "}",
    "{" SAMPLES ", " MASK "}",
    "{" IDS(1, 20, 21, 22) "}",
};

START_TEST(accepted)
{
    Error error = { "" };
    check("{}", good[_i], &error);
    assert_clean(&error);
}
END_TEST

static const struct {
    const char *arrays, *phrase;
} bad[] = {
    { "{\"attention_mask\": [[1]]}", ": found neither input_ids nor pixel_values nor input_features, expected one" },
    { "{" FRAMES "}", ": pixel_values_videos: found it without input_ids, expected both" },
    { "{" PIXELS ", " POSITIONS ", " SAMPLES ", " MASK "}", "without input_ids, expected one of them" },
    /* pictures */
    { "{" IDS(20) ", " PIXELS "}", ": image_position_ids: found no such input, expected [batch, patches, 2]" },
    { "{" IDS(20) ", \"pixel_values\": \"1 3 3\", " POSITIONS "}",
      ": pixel_values: found shape [1, 3, 3], expected [batch, patches, 12]" },
    { "{" IDS(20) ", \"pixel_values\": \"3 12\", " POSITIONS "}", ": pixel_values: found shape [3, 12], expected" },
    { "{" IDS(
          20) ", \"pixel_values\": [[[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]]], \"image_position_ids\": [[[0, 0]]]}",
      ": pixel_values: found dtype I64, expected a float dtype" },
    { "{" IDS(20) ", " PIXELS ", \"image_position_ids\": [[[0, 0]]]}",
      ": image_position_ids: found shape [1, 1, 2], expected [1, 3, 2]" },
    { "{" IDS(20) ", " PIXELS ", \"image_position_ids\": [[[0, 0], [0, 7], [0, 0]]]}",
      ": image_position_ids: found position 7 at patch 1, expected less than mm_posemb_size 7" },
    { "{" IDS(20) ", " PIXELS ", \"image_position_ids\": \"1 3 2\"}", ": image_position_ids: found dtype F32" },
    { "{" IDS(20, 20, 20) ", " PIXELS ", " POSITIONS "}",
      ": input_ids: found 3 image tokens (id 20), expected 2, one for each of the features" },
    { "{" IDS(21, 21, 21) ", " FRAMES "}", ": num_frames_per_video: found no such input, expected the number" },
    { "{" IDS(21, 21, 21) ", " FRAMES ", \"num_frames_per_video\": [1, 1]}",
      ": num_frames_per_video: found 2 frames in all, expected 3 as in pixel_values_videos" },
    { "{" IDS(21, 21, 21) ", " FRAMES ", \"num_frames_per_video\": [0, 3]}",
      ": num_frames_per_video: found 0 for video 0, expected 1 or more" },
    { "{" IDS(21, 21) ", " FRAMES ", \"num_frames_per_video\": [3]}", ": input_ids: found 2 video tokens (id 21)" },
    /* sound */
    { "{" IDS(22) ", " SAMPLES "}", ": input_features_mask: found no such input, expected [audios, frames]" },
    { "{" IDS(22) ", " SAMPLES ", \"input_features_mask\": [[true]]}",
      ": input_features_mask: found shape [1, 1], expected [1, 2] as in input_features" },
    { "{" IDS(22) ", " SAMPLES ", \"input_features_mask\": [[1, 0]]}",
      ": input_features_mask: found dtype I64, expected BOOL" },
    { "{" IDS(22) ", \"input_features\": \"1 2 6\", " MASK "}",
      ": input_features: found shape [1, 2, 6], expected [audios, frames, 5]" },
    { "{" IDS(22) ", \"input_features\": \"2 5\", " MASK "}", ": input_features: found shape [2, 5], expected" },
    { "{" IDS(22) ", \"input_features\": [[[1, 2, 3, 4, 5]]], " MASK "}", ": input_features: found dtype I64" },
    { "{" IDS(22, 22) ", " SAMPLES ", " MASK "}", ": input_ids: found 2 audio tokens (id 22), expected 1" },
    /* the prompt */
    { "{" IDS(1, 23) "}", ": input_ids: found token 23 at [0, 1], expected 0 to 22" },
    { "{" IDS(1, 2) ", \"mm_token_type_ids\": [[0]]}", ": mm_token_type_ids: found shape [1, 1], expected that of" },
    { "{" IDS(1, 2) ", \"position_ids\": [[0, 2]]}", ": position_ids: found a jump at token 1" },
};

START_TEST(refused)
{
    Error error = { "" };
    check("{}", bad[_i].arrays, &error);
    assert_refused(&error, temporary("inputs.safetensors"), bad[_i].phrase);
}
END_TEST

static const struct {
    const char *changes, *arrays, *phrase;
} without[] = {
    { "{\"audio_config\": null}", "{" IDS(22) ", " SAMPLES ", " MASK "}",
      ": audio_config: found none, expected one for input_features" },
    { "{\"vision_config\": null}", "{" IDS(20, 20) ", " PIXELS ", " POSITIONS "}",
      ": vision_config: found none, expected one for pixel_values" },
};

START_TEST(without_an_embedder)
{
    Error error = { "" };
    check(without[_i].changes, without[_i].arrays, &error);
    assert_refused(&error, temporary("model/config.json"), without[_i].phrase);
}
END_TEST

START_TEST(no_number)
{
    Error error = { "" };
    float samples[10] = { [9] = NAN };
    SafetensorsWriter *writer = safetensors_writer_open(temporary("inputs.safetensors"), &error);
    safetensors_writer_begin(writer, "input_features", DTYPE_F32, SHAPE(1, 2, 5));
    safetensors_writer_append(writer, samples, sizeof samples);
    safetensors_writer_begin(writer, "input_features_mask", DTYPE_BOOL, SHAPE(1, 2));
    safetensors_writer_append(writer, (bool[]){ true, false }, 2);
    safetensors_writer_close(writer, &error);
    assert_clean(&error);

    Model *model = model_open(tiny_write_unified("{}", "{}"), &error);
    Inputs inputs = inputs_open(temporary("inputs.safetensors"), &error);
    model_check(model, &inputs, &error);
    assert_refused(&error, temporary("inputs.safetensors"), ": input_features: found NaN or infinity");
    inputs_close(&inputs);
    model_close(model);
}
END_TEST

Suite *unified_check_inputs_suite(void)
{
    Suite *suite = suite_create("unified_check_inputs");
    TCase *tcase = theme(suite, "inputs");
    tcase_add_loop_test(tcase, accepted, 0, COUNT(good));
    tcase_add_loop_test(tcase, refused, 0, COUNT(bad));
    tcase_add_loop_test(tcase, without_an_embedder, 0, COUNT(without));
    tcase_add_test(tcase, no_number);
    return suite;
}
