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
    const Gemma4VisionConfig *vision = &config.vision_config;
    ck_assert(config.has_vision && vision->use_clipped_linears && !vision->standardize);
    ck_assert_int_eq(vision->hidden_size, 128);
    ck_assert_int_eq(vision->num_hidden_layers, 2);
    ck_assert_int_eq(vision->head_dim, 64);
    ck_assert_int_eq(vision->hidden_activation, GELU_PYTORCH_TANH);
    ck_assert_int_eq(vision->pooling_kernel_size, 3);
    ck_assert_int_eq(vision->patch_size, 16);
    ck_assert_int_eq(vision->position_embedding_size, 32);
    ck_assert_double_eq(vision->rope_theta, 100);
    ck_assert_double_eq(vision->rms_norm_eps, 1e-6);
    ck_assert_int_eq(config.text_config.hidden_size, 96);
    json_decref(json);
}
END_TEST

static const struct {
    const char *key, *value, *says;
} bad[] = {
    { "text_config", NULL, "config.json: text_config: found no such key, expected an object" },
    { "text_config.hidden_size", NULL, "text_config.hidden_size: found no such key" },
    { "text_config.num_hidden_layers", "3",
      "text_config.layer_types: found another number of entries, expected num_hidden_layers" },
    { "text_config.layer_types", "[\"chunked_attention\"]",
      "text_config.layer_types: found chunked_attention, expected full_attention or" },
    { "text_config.layer_types", "[7]", "text_config.layer_types: found no string, expected full_attention or" },
    { "text_config.layer_types", "{}", "text_config.layer_types: found another number of entries" },
    { "text_config.per_layer_config", "[]", "per_layer_config: found [], expected an object" },
    { "text_config.per_layer_config", "{\"0\": 3}", "0: found 3, expected an object" },
    { "text_config.per_layer_config", "{\"0\": {\"head_dim\": 0}}", "0.head_dim: found 0, expected a whole number" },
    { "vision_config", "[]", "vision_config: found [], expected an object" },
    { "vision_config.head_dim", NULL, "vision_config.head_dim: found no such key" },
    { "vision_config.head_dim", "null", "vision_config.head_dim: found null, expected a whole number above 0" },
    { "vision_config.head_dim", "66", "vision_config.head_dim: found 66, expected a multiple of 4" },
    { "vision_config.num_key_value_heads", "3",
      "vision_config.num_key_value_heads: found 3, expected a divisor of num_attention_heads" },
    { "vision_config.hidden_activation", "\"mish\"",
      "vision_config.hidden_activation: found mish, expected gelu_pytorch_tanh, gelu," },
    { "vision_config.hidden_activation", NULL, "vision_config.hidden_activation: found no such key" },
    { "vision_config.rms_norm_eps", "-1e-6",
      "vision_config.rms_norm_eps: found a number below 0, expected 0 or above" },
    { "vision_config.rope_parameters", "{\"rope_theta\": 0}",
      "rope_parameters.rope_theta: found a number of 0 or below" },
    { "vision_config.rms_norm_eps", "\"1e-6\"", "vision_config.rms_norm_eps: found \"1e-6\", expected a number" },
    { "vision_config.rope_parameters.rope_type", "\"yarn\"", "rope_parameters.rope_type: found yarn, expected axial" },
    { "vision_config.rope_parameters.rope_theta", "\"hot\"",
      "rope_parameters.rope_theta: found \"hot\", expected a number" },
    { "vision_config.use_clipped_linears", NULL,
      "vision_config.use_clipped_linears: found no such key, expected true or false" },
    { "vision_config.standardize", "0", "vision_config.standardize: found 0, expected true or false" },
    { "vision_config.num_hidden_layers", "16777216", "num_hidden_layers: found 16777216, expected at most 1024" },
    { "vision_config.num_attention_heads", "1026", "num_attention_heads: found 1026, expected at most 1024" },
    { "vision_config.head_dim", "16388", "head_dim: found 16388, expected at most 16384" },
    { "vision_config.patch_size", "16777216", "patch_size: found 16777216, expected at most 1024" },
    { "vision_config.pooling_kernel_size", "0",
      "vision_config.pooling_kernel_size: found 0, expected a whole number above 0" },
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
    bool has_vision;
    double rope_theta;
} optional[] = {
    { "vision_config", NULL, false, 0 },
    { "vision_config", "null", false, 0 },
    { "vision_config.rope_parameters", NULL, true, 100 },
    { "vision_config.rope_parameters", "null", true, 100 },
    { "vision_config.rope_parameters", "{\"rope_theta\": 1e4, \"rope_type\": \"default\"}", true, 1e4 },
    { "vision_config.rope_parameters.rope_theta", NULL, true, 100 },
    { "vision_config.num_key_value_heads", "1", true, 100 },
    { "audio_config", "{\"hidden_size\": 8}", true, 100 },
};

START_TEST(optional_key)
{
    Error error = { "" };
    Gemma4Config config;
    json_t *json = load(&config, optional[_i].key, optional[_i].value, &error);
    assert_clean(&error);
    ck_assert(config.has_vision == optional[_i].has_vision);
    ck_assert_double_eq(config.vision_config.rope_theta, optional[_i].rope_theta);
    json_decref(json);
}
END_TEST

/* Three text layers, head_dim 32 and 4 key/value heads in sliding ones; what layers 0, 1 and 2 come to. */
#define TEXT(more)                                                                                       \
    "{\"hidden_size\": 96, \"num_hidden_layers\": 3, \"head_dim\": 32, \"num_key_value_heads\": 4," more \
    "\"layer_types\": [\"sliding_attention\", \"full_attention\", \"full_attention\"]}"

static const struct {
    const char *text_config;
    Gemma4TextLayerConfig layers[3];
} spellings[] = {
    /* as on the Hub, and as transformers saves it again: the same */
    { TEXT("\"global_head_dim\": 64, \"attention_k_eq_v\": true, \"num_global_key_value_heads\": 1,"),
      { { false, 32, 4 }, { true, 64, 1 }, { true, 64, 1 } } },
    { TEXT("\"attention_k_eq_v\": true, \"per_layer_config\": {\"1\": {\"head_dim\": 64, \"num_key_value_heads\": 1},"
           " \"2\": {\"head_dim\": 64, \"num_key_value_heads\": 1}},"),
      { { false, 32, 4 }, { true, 64, 1 }, { true, 64, 1 } } },
    /* num_global_key_value_heads counts only with attention_k_eq_v */
    { TEXT("\"global_head_dim\": 64, \"attention_k_eq_v\": false, \"num_global_key_value_heads\": 1,"),
      { { false, 32, 4 }, { true, 64, 4 }, { true, 64, 4 } } },
    { TEXT("\"global_head_dim\": 64, \"attention_k_eq_v\": true, \"num_global_key_value_heads\": null,"),
      { { false, 32, 4 }, { true, 64, 4 }, { true, 64, 4 } } },
    /* a layer of the map overrides what it names and keeps the rest */
    { TEXT("\"global_head_dim\": 64, \"per_layer_config\": {\"2\": {\"head_dim\": 16}},"),
      { { false, 32, 4 }, { true, 32, 4 }, { true, 16, 4 } } },
    /* without layer_types every sixth layer is full; the last always is */
    { "{\"hidden_size\": 96, \"num_hidden_layers\": 3}", { { false, 256, 4 }, { false, 256, 4 }, { true, 512, 4 } } },
};

START_TEST(text_layers)
{
    Error error = { "" };
    Gemma4Config config;
    json_t *json = load(&config, "text_config", spellings[_i].text_config, &error);
    assert_clean(&error);
    for (int i = 0; i < 3; i++) {
        const Gemma4TextLayerConfig *found = &config.text_config.layers[i], *expected = &spellings[_i].layers[i];
        ck_assert_int_eq(found->full_attention, expected->full_attention);
        ck_assert_int_eq(found->head_dim, expected->head_dim);
        ck_assert_int_eq(found->num_key_value_heads, expected->num_key_value_heads);
    }
    json_decref(json);
}
END_TEST

/* HF forces it, whatever layer_types says. */
START_TEST(last_layer_is_full)
{
    Error error = { "" };
    Gemma4Config config;
    json_t *json = load(&config, "text_config.layer_types", "[\"sliding_attention\"]", &error);
    assert_clean(&error);
    ck_assert(config.text_config.layers[0].full_attention);
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
    tcase = theme(suite, "text layers");
    tcase_add_loop_test(tcase, text_layers, 0, COUNT(spellings));
    tcase_add_test(tcase, last_layer_is_full);
    return suite;
}
