/* test_configuration.c - config.json of model_type gemma4, from the fixture's with one key changed */
#include "gemma4.h"

#include "helpers.h"

/* Loads config.json with value at key; end with json_decref. */
static json_t *load(Gemma4Config *config, const char *key, const char *value, Error *error)
{
    json_t *json = edited_json(E2B "/model/config.json", key, value);
    *config = (Gemma4Config){ 0 };
    gemma4_config_load(config, (ConfigReader){ "config.json", "", json, error }, &scratch);
    return json;
}

START_TEST(fixture)
{
    Error error = { "" };
    Gemma4Config config;
    json_t *json = load(&config, "unused", "1", &error);
    assert_clean(&error);
    ck_assert(config.has_vision && config.text_config.tie_word_embeddings);
    ck_assert_int_eq(config.vision_config.hidden_size, 128);
    ck_assert_int_eq(config.text_config.hidden_size, 96);
    ck_assert_int_eq(config.image_token_id, 60);
    ck_assert_int_eq(config.video_token_id, 61);
    ck_assert_int_eq(config.audio_token_id, 62);
    json_decref(json);
}
END_TEST

static const struct {
    const char *key, *value, *says;
} bad[] = {
    { "text_config", NULL, "config.json: text_config: found no such key, expected an object" },
    { "text_config.hidden_size", NULL, "text_config.hidden_size: found no such key" },
    { "text_config.layer_types", "[7]", "text_config.layer_types: found no string, expected full_attention or" },
    { "vision_config", "[]", "vision_config: found [], expected an object" },
    { "vision_config.head_dim", NULL, "vision_config.head_dim: found no such key" },
    { "tie_word_embeddings", "1", "config.json: tie_word_embeddings: found 1, expected true or false" },
    { "image_token_id", "-1", "config.json: image_token_id: found -1, expected a whole number from 0" },
    { "video_token_id", "\"61\"", "config.json: video_token_id: found \"61\", expected a whole number from 0" },
    { "audio_token_id", "6.5", "config.json: audio_token_id: found 6.5, expected a whole number from 0" },
};

START_TEST(bad_key)
{
    Error error = { "" };
    Gemma4Config config;
    json_t *json = load(&config, bad[_i].key, bad[_i].value, &error);
    assert_refused(&error, "config.json", bad[_i].says);
    json_decref(json);
}
END_TEST

static const struct {
    const char *key, *value;
    bool has_vision, tied;
    int image, video, audio;
} optional[] = {
    { "vision_config", NULL, false, true, 60, 61, 62 },
    { "vision_config", "null", false, true, 60, 61, 62 },
    { "audio_config", "null", true, true, 60, 61, 62 },
    { "image_token_id", NULL, true, true, 258880, 61, 62 },
    { "video_token_id", "null", true, true, 60, 258884, 62 },
    { "audio_token_id", NULL, true, true, 60, 61, 258881 },
    { "image_token_id", "0", true, true, 0, 61, 62 },
    { "tie_word_embeddings", "false", true, false, 60, 61, 62 },
    { "tie_word_embeddings", NULL, true, true, 60, 61, 62 },
    { "text_config.tie_word_embeddings", "false", true, true, 60, 61, 62 }, /* that of the whole counts */
};

START_TEST(optional_key)
{
    Error error = { "" };
    Gemma4Config config;
    json_t *json = load(&config, optional[_i].key, optional[_i].value, &error);
    assert_clean(&error);
    ck_assert(config.has_vision == optional[_i].has_vision);
    ck_assert(config.text_config.tie_word_embeddings == optional[_i].tied);
    ck_assert_int_eq(config.image_token_id, optional[_i].image);
    ck_assert_int_eq(config.video_token_id, optional[_i].video);
    ck_assert_int_eq(config.audio_token_id, optional[_i].audio);
    json_decref(json);
}
END_TEST

Suite *configuration_suite(void)
{
    Suite *suite = suite_create("configuration");
    TCase *tcase = theme(suite, "keys");
    tcase_add_test(tcase, fixture);
    tcase_add_loop_test(tcase, bad_key, 0, COUNT(bad));
    tcase_add_loop_test(tcase, optional_key, 0, COUNT(optional));
    return suite;
}
