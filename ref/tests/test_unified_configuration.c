/* test_unified_configuration.c - config.json of the family without towers */
#include "gemma4_unified.h"
#include "helpers.h"
#include "tiny.h"

static const char *const config_file = "model/config.json";

static Gemma4UnifiedConfig loaded(const char *text_changes, const char *changes, Error *error)
{
    Gemma4UnifiedConfig config = { 0 };
    tiny_write_unified("{}", "{}");
    json_t *json = config_open(temporary(config_file), error), *more = json_loads(changes, 0, NULL);
    json_t *text = json_loads(text_changes, 0, NULL), *value;
    ck_assert(json && more && text);
    json_object_update(json, more);
    const char *key;
    json_object_foreach(text, key, value)
    {
        json_t *text_config = json_object_get(json, "text_config");
        if (json_is_string(value) && strcmp(json_string_value(value), "absent") == 0)
            json_object_del(text_config, key);
        else
            json_object_set(text_config, key, value);
    }
    gemma4_unified_config_load(&config, (ConfigReader){ "config.json", "", json, error }, &scratch);
    json_decref(text);
    json_decref(more);
    json_decref(json);
    return config;
}

START_TEST(every_key)
{
    Error error = { "" };
    Gemma4UnifiedConfig c = loaded("{}", "{}", &error);
    assert_clean(&error);
    ck_assert(c.has_vision && c.has_audio);
    ck_assert_int_eq(c.vision_config.model_patch_size, 2);
    ck_assert_int_eq(c.vision_config.mm_embed_dim, 9);
    ck_assert_int_eq(c.vision_config.mm_posemb_size, 7);
    ck_assert_double_eq(c.vision_config.rms_norm_eps, 1e-6);
    ck_assert_int_eq(c.audio_config.audio_embed_dim, 5);
    ck_assert_int_eq(c.text_config.vocab_size, TINY_VOCABULARY);
    ck_assert_int_eq(c.image_token_id, 20);
    ck_assert_int_eq(c.video_token_id, 21);
    ck_assert_int_eq(c.audio_token_id, 22);
    ck_assert(c.text_config.tie_word_embeddings);
}
END_TEST

/* Hugging Face's class takes these where the text has no such key, or null. */
START_TEST(defaults)
{
    Error error = { "" };
    Gemma4UnifiedConfig c = loaded("{\"max_position_embeddings\": null, \"sliding_window\": \"absent\","
                                   " \"use_bidirectional_attention\": \"absent\"}",
                                   "{\"image_token_id\": null, \"audio_config\": null, \"vision_config\": null}",
                                   &error);
    assert_clean(&error);
    ck_assert_int_eq(c.text_config.max_position_embeddings, 262144);
    ck_assert_int_eq(c.text_config.sliding_window, 1024);
    ck_assert_int_eq(c.text_config.use_bidirectional_attention, BIDIRECTIONAL_VISION);
    ck_assert_int_eq(c.image_token_id, 258880);
    ck_assert(!c.has_vision && !c.has_audio);

    c = loaded("{\"use_bidirectional_attention\": null}", "{\"tie_word_embeddings\": false}", &error);
    assert_clean(&error);
    ck_assert_int_eq(c.text_config.use_bidirectional_attention, BIDIRECTIONAL_NONE);
    ck_assert(!c.text_config.tie_word_embeddings);
}
END_TEST

/* As the published model has it */
START_TEST(published)
{
    Error error = { "" };
    Gemma4UnifiedConfig c = loaded(
        "{}",
        "{\"vision_config\": {\"mm_embed_dim\": 3840, \"mm_posemb_size\": 1120, \"model_patch_size\": 48,"
        " \"patch_size\": 16, \"num_soft_tokens\": 280, \"pooling_kernel_size\": 3, \"output_proj_dims\": 3840},"
        " \"audio_config\": {\"audio_embed_dim\": 640, \"audio_samples_per_token\": 640, \"hidden_size\": 640,"
        " \"output_proj_dims\": 640}}",
        &error);
    assert_clean(&error);
    ck_assert_int_eq(c.vision_config.model_patch_size, 48);
    ck_assert_double_eq(c.vision_config.rms_norm_eps, 1e-6);
    ck_assert_int_eq(c.audio_config.audio_embed_dim, 640);
    ck_assert_double_eq(c.audio_config.rms_norm_eps, 1e-6);
}
END_TEST

/* The family has neither: Hugging Face keeps such keys and never reads them. */
START_TEST(no_per_layer_embeddings_and_no_experts)
{
    Error error = { "" };
    Gemma4UnifiedConfig c = loaded("{\"hidden_size_per_layer_input\": 256, \"enable_moe_block\": true}", "{}", &error);
    assert_clean(&error);
    ck_assert_int_eq(c.text_config.hidden_size_per_layer_input, 0);
    ck_assert(!c.text_config.enable_moe_block);
}
END_TEST

#define VISION(CHANGE)                                                                         \
    "{\"vision_config\": {\"patch_size\": 1, \"pooling_kernel_size\": 2, \"mm_embed_dim\": 9," \
    " \"mm_posemb_size\": 7, \"output_proj_dims\": 9, \"rms_norm_eps\": 1e-6, " CHANGE "}}"
#define AUDIO(CHANGE) "{\"audio_config\": {\"audio_embed_dim\": 5, \"rms_norm_eps\": 1e-6, " CHANGE "}}"

static const struct {
    const char *changes, *phrase;
} bad[] = {
    { VISION("\"patch_size\": 0"), "vision_config.patch_size: found 0, expected a whole number from 1" },
    { VISION("\"patch_size\": 2000"), "vision_config.patch_size: found 2000, expected a whole number from 1 to 1024" },
    { VISION("\"pooling_kernel_size\": 40"),
      "vision_config.pooling_kernel_size: found 40, expected a whole number from 1 to 16" },
    { VISION("\"mm_embed_dim\": null"), "vision_config.mm_embed_dim: found null" },
    { VISION("\"mm_posemb_size\": 1.5"), "vision_config.mm_posemb_size: found 1.5" },
    { VISION("\"output_proj_dims\": 8"), "vision_config.output_proj_dims: found 8, expected mm_embed_dim, 9" },
    { VISION("\"model_patch_size\": 48"),
      "vision_config.model_patch_size: found 48, expected patch_size * pooling_kernel_size, 2" },
    { VISION("\"rms_norm_eps\": -1"), "vision_config.rms_norm_eps: found a number below 0, expected 0 or above" },
    { "{\"vision_config\": 3}", "vision_config: found 3, expected an object" },
    { AUDIO("\"audio_embed_dim\": -640"), "audio_config.audio_embed_dim: found -640" },
    { AUDIO("\"hidden_size\": 6"), "audio_config.hidden_size: found 6, expected audio_embed_dim, 5" },
    { AUDIO("\"output_proj_dims\": 6"), "audio_config.output_proj_dims: found 6, expected audio_embed_dim, 5" },
    { AUDIO("\"audio_samples_per_token\": 6"), "audio_config.audio_samples_per_token: found 6, expected audio" },
    { AUDIO("\"rms_norm_eps\": \"small\""), "audio_config.rms_norm_eps: found \"small\", expected a number" },
    { "{\"audio_config\": {}}", "audio_config.audio_embed_dim: found no such key" },
    { "{\"audio_token_id\": -1}", "audio_token_id: found -1, expected a whole number from 0" },
};

START_TEST(bad_key)
{
    Error error = { "" };
    loaded("{}", bad[_i].changes, &error);
    assert_refused(&error, "config.json", bad[_i].phrase);
}
END_TEST

Suite *unified_configuration_suite(void)
{
    Suite *suite = suite_create("unified_configuration");
    TCase *tcase = theme(suite, "keys");
    tcase_add_test(tcase, every_key);
    tcase_add_test(tcase, defaults);
    tcase_add_test(tcase, published);
    tcase_add_test(tcase, no_per_layer_embeddings_and_no_experts);
    tcase_add_loop_test(tcase, bad_key, 0, COUNT(bad));
    return suite;
}
