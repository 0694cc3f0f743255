/* test_vision_configuration.c - vision_config of config.json, from the fixture's with one key changed */
#include "gemma4.h"

#include "helpers.h"

/* Loads vision_config with value at key of config.json. */
static Gemma4VisionConfig load(const char *key, const char *value, Error *error)
{
    json_t *json = edited_json(E2B "/model/config.json", key, value);
    Gemma4VisionConfig config = { 0 };
    ConfigReader whole = { "config.json", "", json, error };
    gemma4_vision_config_load(&config, config_child(whole, "vision_config"));
    json_decref(json);
    return config;
}

START_TEST(fixture)
{
    Error error = { "" };
    Gemma4VisionConfig vision = load("unused", "1", &error);
    assert_clean(&error);
    ck_assert(vision.use_clipped_linears && !vision.standardize);
    ck_assert_int_eq(vision.hidden_size, 128);
    ck_assert_int_eq(vision.num_hidden_layers, 2);
    ck_assert_int_eq(vision.head_dim, 64);
    ck_assert_int_eq(vision.hidden_activation, GELU_PYTORCH_TANH);
    ck_assert_int_eq(vision.pooling_kernel_size, 3);
    ck_assert_int_eq(vision.patch_size, 16);
    ck_assert_int_eq(vision.position_embedding_size, 32);
    ck_assert_double_eq(vision.rope_theta, 100);
    ck_assert_double_eq(vision.rms_norm_eps, 1e-6);
}
END_TEST

static const struct {
    const char *key, *value, *says;
} bad[] = {
    { "vision_config.head_dim", NULL, "vision_config.head_dim: found no such key" },
    { "vision_config.head_dim", "null", "vision_config.head_dim: found null, expected a whole number from 1" },
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
    { "vision_config.num_hidden_layers", "16777216",
      "num_hidden_layers: found 16777216, expected a whole number from 1 to 1024" },
    { "vision_config.num_attention_heads", "1026",
      "num_attention_heads: found 1026, expected a whole number from 1 to 1024" },
    { "vision_config.head_dim", "16388", "head_dim: found 16388, expected a whole number from 1 to 16384" },
    { "vision_config.patch_size", "16777216", "patch_size: found 16777216, expected a whole number from 1 to 1024" },
    { "vision_config.pooling_kernel_size", "0",
      "vision_config.pooling_kernel_size: found 0, expected a whole number from 1" },
};

START_TEST(bad_key)
{
    Error error = { "" };
    load(bad[_i].key, bad[_i].value, &error);
    assert_refused(&error, "config.json", bad[_i].says);
}
END_TEST

static const struct {
    const char *key, *value;
    double rope_theta;
} optional[] = {
    { "vision_config.rope_parameters", NULL, 100 },
    { "vision_config.rope_parameters", "null", 100 },
    { "vision_config.rope_parameters", "{\"rope_theta\": 1e4, \"rope_type\": \"default\"}", 1e4 },
    { "vision_config.rope_parameters.rope_theta", NULL, 100 },
    { "vision_config.num_key_value_heads", "1", 100 },
};

START_TEST(optional_key)
{
    Error error = { "" };
    Gemma4VisionConfig vision = load(optional[_i].key, optional[_i].value, &error);
    assert_clean(&error);
    ck_assert_double_eq(vision.rope_theta, optional[_i].rope_theta);
}
END_TEST

Suite *vision_configuration_suite(void)
{
    Suite *suite = suite_create("vision_configuration");
    TCase *tcase = theme(suite, "keys");
    tcase_add_test(tcase, fixture);
    tcase_add_loop_test(tcase, bad_key, 0, COUNT(bad));
    tcase_add_loop_test(tcase, optional_key, 0, COUNT(optional));
    return suite;
}
