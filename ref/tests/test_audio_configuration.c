/* test_audio_configuration.c - audio_config of config.json: every key, and every refusal */
#include "gemma4.h"

#include "helpers.h"

static const char published[] =
    "{\"hidden_size\": 1024, \"num_hidden_layers\": 12, \"num_attention_heads\": 8, \"hidden_act\": \"silu\","
    " \"subsampling_conv_channels\": [128, 32], \"conv_kernel_size\": 5, \"residual_weight\": 0.5,"
    " \"attention_chunk_size\": 12, \"attention_context_left\": 13, \"attention_context_right\": 0,"
    " \"attention_logit_cap\": 50.0, \"attention_invalid_logits_value\": -1e9, \"use_clipped_linears\": true,"
    " \"rms_norm_eps\": 1e-6, \"gradient_clipping\": 1e10, \"output_proj_dims\": 1536}";

/* The published one with value at key; without the key where value is NULL */
static Gemma4AudioConfig load(const char *key, const char *value, Error *error)
{
    json_t *json = json_loads(published, 0, NULL);
    ck_assert_ptr_nonnull(json);
    if (value)
        json_object_set_new(json, key, json_loads(value, JSON_DECODE_ANY, NULL));
    else
        json_object_del(json, key);
    Gemma4AudioConfig config = { 0 };
    gemma4_audio_config_load(&config, (ConfigReader){ "config.json", "audio_config", json, error });
    json_decref(json);
    return config;
}

START_TEST(all_keys)
{
    Error error = { "" };
    Gemma4AudioConfig config = load("unused", "1", &error);
    assert_clean(&error);
    ck_assert_int_eq(config.hidden_size, 1024);
    ck_assert_int_eq(config.num_hidden_layers, 12);
    ck_assert_int_eq(config.num_attention_heads, 8);
    ck_assert_int_eq(config.hidden_act, SILU);
    ck_assert_int_eq(config.subsampling_conv_channels[0], 128);
    ck_assert_int_eq(config.subsampling_conv_channels[1], 32);
    ck_assert_int_eq(config.conv_kernel_size, 5);
    ck_assert_double_eq(config.residual_weight, 0.5);
    ck_assert_int_eq(gemma4_audio_context_size(&config), 24);
    ck_assert_double_eq(config.attention_logit_cap, 50);
    ck_assert_double_eq(config.attention_invalid_logits_value, -1e9);
    ck_assert(config.use_clipped_linears);
    ck_assert_double_eq(config.gradient_clipping, 1e10);
    ck_assert_int_eq(config.output_proj_dims, 1536);
    ck_assert_int_eq(gemma4_audio_bins(&config), 32);
}
END_TEST

START_TEST(optional_keys)
{
    Error error = { "" };
    ck_assert_double_eq(load("attention_invalid_logits_value", NULL, &error).attention_invalid_logits_value, -1e9);
    ck_assert_double_eq(load("rms_norm_eps", "null", &error).rms_norm_eps, 1e-6);
    ck_assert_double_eq(load("gradient_clipping", NULL, &error).gradient_clipping, 1e10);
    ck_assert_int_eq(load("attention_context_right", NULL, &error).attention_context_right, 0);
    assert_clean(&error);
}
END_TEST

static const struct {
    const char *key, *value, *says;
} bad[] = {
    { "hidden_size", NULL, ".hidden_size: found no such key" },
    { "hidden_size", "12", ".num_attention_heads: found 8, expected a divisor of hidden_size" },
    { "num_attention_heads", "0", ".num_attention_heads: found 0, expected a whole number from 1" },
    { "hidden_act", "\"mish\"", ".hidden_act: found mish, expected gelu_pytorch_tanh, gelu, silu" },
    { "subsampling_conv_channels", NULL, ".subsampling_conv_channels: found another number of entries, expected two" },
    { "subsampling_conv_channels", "[1, 2, 3]", ".subsampling_conv_channels: found another number of entries" },
    { "subsampling_conv_channels", "[128, \"32\"]", ".subsampling_conv_channels: found an entry that is none" },
    { "subsampling_conv_channels", "[128, 16385]", ".subsampling_conv_channels: found an entry that is none" },
    { "subsampling_conv_channels", "[3, 32]", ".subsampling_conv_channels: found fewer than 4 channels" },
    { "conv_kernel_size", "0", ".conv_kernel_size: found 0, expected a whole number from 1" },
    { "residual_weight", "\"half\"", ".residual_weight: found \"half\", expected a number" },
    { "attention_chunk_size", "5000", ".attention_chunk_size: found 5000, expected a whole number from 1 to 4096" },
    { "attention_context_left", "0", ".attention_context_left: found 0, expected a whole number from 1" },
    { "attention_context_right", "-1", ".attention_context_right: found -1, expected a whole number" },
    { "attention_context_right", "5000", ".attention_context_right: found 5000, expected at most 4096" },
    { "attention_logit_cap", "0", ".attention_logit_cap: found 0, expected a number above 0" },
    { "rms_norm_eps", "-1", ".rms_norm_eps: found -1, expected 0 or above" },
    { "gradient_clipping", "0", ".gradient_clipping: found 0, expected a number above 0" },
    { "use_clipped_linears", "1", ".use_clipped_linears: found 1, expected true or false" },
    { "output_proj_dims", "null", ".output_proj_dims: found null, expected a whole number from 1" },
};

START_TEST(bad_key)
{
    Error error = { "" };
    load(bad[_i].key, bad[_i].value, &error);
    assert_refused(&error, "config.json: audio_config", bad[_i].says);
}
END_TEST

/* One frame is one head of one channel: no sine has a cosine beside it. */
START_TEST(odd_width)
{
    Error error = { "" };
    json_t *json = json_loads(published, 0, NULL);
    json_object_set_new(json, "hidden_size", json_integer(15));
    json_object_set_new(json, "num_attention_heads", json_integer(5));
    Gemma4AudioConfig config = { 0 };
    gemma4_audio_config_load(&config, (ConfigReader){ "config.json", "audio_config", json, &error });
    assert_refused(&error, "config.json", ".hidden_size: found 15, expected an even number");
    json_decref(json);
}
END_TEST

Suite *audio_configuration_suite(void)
{
    Suite *suite = suite_create("audio_configuration");
    TCase *tcase = theme(suite, "keys");
    tcase_add_test(tcase, all_keys);
    tcase_add_test(tcase, optional_keys);
    tcase_add_loop_test(tcase, bad_key, 0, COUNT(bad));
    tcase_add_test(tcase, odd_width);
    return suite;
}
