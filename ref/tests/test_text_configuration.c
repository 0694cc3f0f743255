/* test_text_configuration.c - config.json of model_type gemma4_text: every switch, and what layers come to */
#include "gemma4.h"
#include "helpers.h"
#include "tiny.h"

static Gemma4TextConfig load(const char *changes, Error *error)
{
    Gemma4TextConfig config;
    json_t *json = tiny_config(changes);
    gemma4_text_config_load(&config, (ConfigReader){ "config.json", "", json, error }, &scratch);
    json_decref(json);
    return config;
}

static Gemma4TextConfig loaded(const char *changes)
{
    Error error = { "" };
    Gemma4TextConfig config = load(changes, &error);
    assert_clean(&error);
    return config;
}

/* ---------------------------------------------------------------- keys */

START_TEST(sizes)
{
    Gemma4TextConfig c = loaded(
        "{\"num_attention_heads\": 6, \"rms_norm_eps\": 1e-5, \"hidden_activation\": \"silu\"}");
    ck_assert_int_eq(c.vocab_size, TINY_VOCABULARY);
    ck_assert_int_eq(c.hidden_size, TINY_HIDDEN);
    ck_assert_int_eq(c.intermediate_size, TINY_INTERMEDIATE);
    ck_assert_int_eq(c.num_hidden_layers, TINY_LAYERS);
    ck_assert_int_eq(c.num_attention_heads, 6);
    ck_assert_int_eq(c.hidden_activation, SILU);
    ck_assert_int_eq(c.max_position_embeddings, 64);
    ck_assert_double_eq(c.rms_norm_eps, 1e-5);
    ck_assert_int_eq(c.sliding_window, TINY_WINDOW);
    ck_assert_int_eq(c.vocab_size_per_layer_input, TINY_VOCABULARY);
    ck_assert_int_eq(c.hidden_size_per_layer_input, 0);
}
END_TEST

/* Hugging Face takes these where a key is absent, or null. */
START_TEST(defaults)
{
    Gemma4TextConfig c = loaded("{\"max_position_embeddings\": null, \"hidden_size_per_layer_input\": null,"
                                " \"vocab_size_per_layer_input\": null, \"num_kv_shared_layers\": null}");
    ck_assert_int_eq(c.max_position_embeddings, 131072);
    ck_assert_int_eq(c.hidden_size_per_layer_input, 256);
    ck_assert_int_eq(c.vocab_size_per_layer_input, 262144);
    ck_assert_int_eq(c.pad_token_id, 0);
    ck_assert(c.tie_word_embeddings && !c.attention_bias && !c.attention_k_eq_v && !c.enable_moe_block);
    ck_assert(!c.use_double_wide_mlp);
    ck_assert_double_eq(c.final_logit_softcapping, 0);
    ck_assert_int_eq(c.use_bidirectional_attention, BIDIRECTIONAL_NONE);
    ck_assert_int_eq(c.num_kv_shared_layers, 0);
    ck_assert_int_eq(c.num_experts, 0);
    for (int i = 0; i < TINY_LAYERS; i++) ck_assert_int_eq(c.layers[i].kv_sharing_mode, KV_OWN);
}
END_TEST

START_TEST(switches)
{
    Gemma4TextConfig c = loaded(
        "{\"tie_word_embeddings\": false, \"attention_bias\": true, \"attention_k_eq_v\": true,"
        " \"use_double_wide_mlp\": true, \"final_logit_softcapping\": 30.0, \"pad_token_id\": 5,"
        " \"hidden_size_per_layer_input\": 7, \"vocab_size_per_layer_input\": 9, \"enable_moe_block\": true,"
        " \"num_experts\": 6, \"top_k_experts\": 6, \"moe_intermediate_size\": 11}");
    ck_assert(!c.tie_word_embeddings && c.attention_bias && c.attention_k_eq_v && c.use_double_wide_mlp);
    ck_assert(c.enable_moe_block);
    ck_assert_double_eq(c.final_logit_softcapping, 30);
    ck_assert_int_eq(c.pad_token_id, 5);
    ck_assert_int_eq(c.hidden_size_per_layer_input, 7);
    ck_assert_int_eq(c.vocab_size_per_layer_input, 9);
    ck_assert_int_eq(c.num_experts, 6);
    ck_assert_int_eq(c.top_k_experts, 6);
    ck_assert_int_eq(c.moe_intermediate_size, 11);
    ck_assert_int_eq(loaded("{\"pad_token_id\": null}").pad_token_id, -1);
}
END_TEST

/* Experts of a model without them are not looked at. */
START_TEST(no_experts)
{
    Gemma4TextConfig c = loaded("{\"enable_moe_block\": false, \"num_experts\": null, \"top_k_experts\": 900}");
    ck_assert_int_eq(c.num_experts, 0);
}
END_TEST

static const struct {
    const char *changes;
    BidirectionalAttention expected;
    int window;
} bidirectional[] = {
    { "{\"use_bidirectional_attention\": null, \"sliding_window\": 512}", BIDIRECTIONAL_NONE, 512 },
    { "{\"use_bidirectional_attention\": \"vision\", \"sliding_window\": 512}", BIDIRECTIONAL_VISION, 512 },
    { "{\"use_bidirectional_attention\": \"all\", \"sliding_window\": 512}", BIDIRECTIONAL_ALL, 257 },
    { "{\"use_bidirectional_attention\": \"all\", \"sliding_window\": 5}", BIDIRECTIONAL_ALL, 3 },
};

START_TEST(bidirectional_attention)
{
    Gemma4TextConfig c = loaded(bidirectional[_i].changes);
    ck_assert_int_eq(c.use_bidirectional_attention, bidirectional[_i].expected);
    ck_assert_int_eq(c.sliding_window, bidirectional[_i].window);
}
END_TEST

/* ---------------------------------------------------------------- layers */

#define F FULL_ATTENTION
#define S SLIDING_ATTENTION
#define TYPES(list) "\"layer_types\": [" list "]"
#define FULL "\"full_attention\""
#define SLIDE "\"sliding_attention\""

/* A configuration has six layers at most here; the rest are 0. */
static const struct {
    const char *changes;
    Gemma4TextLayerConfig layers[7];
} spellings[] = {
    /* as on the Hub, and as transformers saves it again: the same */
    { "{\"global_head_dim\": 64, \"attention_k_eq_v\": true, \"num_global_key_value_heads\": 1}",
      { { S, 0, 6, 2 }, { F, 0, 64, 1 }, { S, 0, 6, 2 }, { F, 0, 64, 1 } } },
    { "{\"global_head_dim\": 99, \"attention_k_eq_v\": true, \"num_global_key_value_heads\": 4, \"per_layer_config\":"
      " {\"1\": {\"head_dim\": 64, \"num_key_value_heads\": 1},"
      "  \"3\": {\"num_key_value_heads\": 1, \"head_dim\": 64}}}",
      { { S, 0, 6, 2 }, { F, 0, 64, 1 }, { S, 0, 6, 2 }, { F, 0, 64, 1 } } },
    /* saved again, what is not in the map is as in the others */
    { "{\"attention_k_eq_v\": true, \"num_global_key_value_heads\": 4, \"per_layer_config\": {}}",
      { { S, 0, 6, 2 }, { F, 0, 6, 2 }, { S, 0, 6, 2 }, { F, 0, 6, 2 } } },
    /* num_global_key_value_heads counts only with attention_k_eq_v; null is num_key_value_heads */
    { "{\"attention_k_eq_v\": false, \"num_global_key_value_heads\": 1}",
      { { S, 0, 6, 2 }, { F, 0, 8, 2 }, { S, 0, 6, 2 }, { F, 0, 8, 2 } } },
    { "{\"attention_k_eq_v\": true, \"num_global_key_value_heads\": null}",
      { { S, 0, 6, 2 }, { F, 0, 8, 2 }, { S, 0, 6, 2 }, { F, 0, 8, 2 } } },
    /* a layer of the map overrides what it names and keeps the rest */
    { "{\"per_layer_config\": {\"0\": {\"num_key_value_heads\": 4}, \"2\": {}}}",
      { { S, 0, 6, 4 }, { F, 0, 6, 2 }, { S, 0, 6, 2 }, { F, 0, 6, 2 } } },
    { "{\"global_head_dim\": null}", { { S, 0, 6, 2 }, { F, 0, 512, 2 }, { S, 0, 6, 2 }, { F, 0, 512, 2 } } },
    /* without layer_types every sixth layer is full; the last always is */
    { "{\"layer_types\": null, \"num_hidden_layers\": 3}", { { S, 0, 6, 2 }, { S, 0, 6, 2 }, { F, 0, 8, 2 } } },
    { "{\"layer_types\": null, \"num_hidden_layers\": 7}",
      { { S, 0, 6, 2 },
        { S, 0, 6, 2 },
        { S, 0, 6, 2 },
        { S, 0, 6, 2 },
        { S, 0, 6, 2 },
        { F, 0, 8, 2 },
        { F, 0, 8, 2 } } },
    { "{\"num_hidden_layers\": 2, " TYPES(SLIDE "," SLIDE) "}", { { S, 0, 6, 2 }, { F, 0, 8, 2 } } },
    { "{\"num_hidden_layers\": 1, " TYPES(FULL) "}", { { F, 0, 8, 2 } } },
    /* the last layer of each type before the shared ones stores; those before it keep their own */
    { "{\"num_kv_shared_layers\": 2}",
      { { S, KV_STORE, 6, 2 }, { F, KV_STORE, 8, 2 }, { S, KV_REUSE, 6, 2 }, { F, KV_REUSE, 8, 2 } } },
    { "{\"num_kv_shared_layers\": 1}",
      { { S, 0, 6, 2 }, { F, KV_STORE, 8, 2 }, { S, KV_STORE, 6, 2 }, { F, KV_REUSE, 8, 2 } } },
    { "{\"num_kv_shared_layers\": 3, \"num_hidden_layers\": 7, " TYPES(SLIDE "," FULL "," SLIDE "," SLIDE "," SLIDE
                                                                             "," SLIDE "," FULL) "}",
      { { S, 0, 6, 2 },
        { F, KV_STORE, 8, 2 },
        { S, 0, 6, 2 },
        { S, KV_STORE, 6, 2 },
        { S, KV_REUSE, 6, 2 },
        { S, KV_REUSE, 6, 2 },
        { F, KV_REUSE, 8, 2 } } },
};

START_TEST(layers)
{
    Gemma4TextConfig c = loaded(spellings[_i].changes);
    for (int i = 0; i < 7; i++) {
        const Gemma4TextLayerConfig *expected = &spellings[_i].layers[i];
        if (i >= c.num_hidden_layers) {
            ck_assert_int_eq(expected->head_dim, 0);
            continue;
        }
        ck_assert_int_eq(c.layers[i].layer_type, expected->layer_type);
        ck_assert_int_eq(c.layers[i].kv_sharing_mode, expected->kv_sharing_mode);
        ck_assert_int_eq(c.layers[i].head_dim, expected->head_dim);
        ck_assert_int_eq(c.layers[i].num_key_value_heads, expected->num_key_value_heads);
    }
}
END_TEST

/* ---------------------------------------------------------------- rope */

static const struct {
    const char *changes;
    Gemma4TextRopeConfig full, sliding;
} ropes[] = {
    { "{}", { true, 8, true, 1e6, 0.25, 1 }, { true, 6, false, 1e4, 0, 1 } },
    { "{\"rope_parameters\": null}", { true, 8, true, 1e6, 0.25, 1 }, { true, 6, false, 1e4, 0, 1 } },
    { "{\"rope_parameters\": {\"full_attention\": {\"rope_type\": \"proportional\", \"rope_theta\": 5e5,"
      " \"factor\": 8.0, \"partial_rotary_factor\": 0.5},"
      " \"sliding_attention\": {\"rope_type\": \"default\", \"rope_theta\": 100}}}",
      { true, 8, true, 5e5, 0.5, 8 },
      { true, 6, false, 100, 1, 1 } },
    { "{\"rope_parameters\": {\"full_attention\": {\"rope_type\": \"default\", \"rope_theta\": 7},"
      " \"sliding_attention\": {\"rope_type\": \"proportional\", \"rope_theta\": 9}}}",
      { true, 8, false, 7, 1, 1 },
      { true, 6, true, 9, 1, 1 } },
    /* no sliding layer: what is said of it is not looked at, nor need it be there */
    { "{\"num_hidden_layers\": 1, \"layer_types\": [\"full_attention\"], \"rope_parameters\":"
      " {\"full_attention\": {\"rope_type\": \"default\", \"rope_theta\": 7}}}",
      { true, 8, false, 7, 1, 1 },
      { false, 0, false, 1e4, 0, 1 } },
};

static void assert_rope(const Gemma4TextRopeConfig *found, const Gemma4TextRopeConfig *expected)
{
    ck_assert(found->exists == expected->exists && found->proportional == expected->proportional);
    ck_assert_int_eq(found->head_dim, expected->head_dim);
    ck_assert_double_eq(found->rope_theta, expected->rope_theta);
    ck_assert_double_eq(found->factor, expected->factor);
    if (found->proportional) ck_assert_double_eq(found->partial_rotary_factor, expected->partial_rotary_factor);
}

START_TEST(rope_parameters)
{
    Gemma4TextConfig c = loaded(ropes[_i].changes);
    assert_rope(&c.rope_parameters[FULL_ATTENTION], &ropes[_i].full);
    assert_rope(&c.rope_parameters[SLIDING_ATTENTION], &ropes[_i].sliding);
}
END_TEST

START_TEST(names_of_types)
{
    ck_assert_str_eq(layer_type_names[FULL_ATTENTION], "full_attention");
    ck_assert_str_eq(layer_type_names[SLIDING_ATTENTION], "sliding_attention");
}
END_TEST

Suite *text_configuration_suite(void)
{
    Suite *suite = suite_create("text_configuration");
    TCase *tcase = theme(suite, "keys");
    tcase_add_test(tcase, sizes);
    tcase_add_test(tcase, defaults);
    tcase_add_test(tcase, switches);
    tcase_add_test(tcase, no_experts);
    tcase_add_loop_test(tcase, bidirectional_attention, 0, COUNT(bidirectional));
    tcase = theme(suite, "layers");
    tcase_add_loop_test(tcase, layers, 0, COUNT(spellings));
    tcase_add_test(tcase, names_of_types);
    tcase = theme(suite, "rope");
    tcase_add_loop_test(tcase, rope_parameters, 0, COUNT(ropes));
    return suite;
}
