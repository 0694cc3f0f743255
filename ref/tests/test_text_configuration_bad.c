/* test_text_configuration_bad.c - config.json of model_type gemma4_text: every refusal, by its name */
#include "gemma4.h"
#include "helpers.h"
#include "tiny.h"

#define MOE "\"enable_moe_block\": true, \"num_experts\": 4, \"top_k_experts\": 2, \"moe_intermediate_size\": 5"
#define ROPE(type, more) \
    "{\"rope_parameters\": {\"full_attention\": {\"rope_type\": \"" type "\"" more "}," SLIDING "}}"
#define SLIDING "\"sliding_attention\": {\"rope_type\": \"default\", \"rope_theta\": 1e4}"

static const struct {
    const char *changes, *says;
} bad[] = {
    { "{\"vocab_size\": 0}", "vocab_size: found 0, expected a whole number from 1" },
    { "{\"vocab_size\": null}", "vocab_size: found null, expected a whole number from 1" },
    { "{\"hidden_size\": 2.5}", "hidden_size: found 2.5, expected a whole number" },
    { "{\"intermediate_size\": [1]}", "intermediate_size: found [1], expected a whole number" },
    { "{\"num_hidden_layers\": 1025}", "num_hidden_layers: found 1025, expected a whole number from 1 to 1024" },
    { "{\"num_hidden_layers\": 3}",
      "layer_types: found another number of entries, expected num_hidden_layers of them" },
    { "{\"num_attention_heads\": 1025}", "num_attention_heads: found 1025, expected a whole number from 1 to 1024" },
    { "{\"hidden_activation\": \"mish\"}", "hidden_activation: found mish, expected gelu_pytorch_tanh, gelu," },
    { "{\"hidden_activation\": null}", "hidden_activation: found null, expected a string" },
    { "{\"max_position_embeddings\": 0}", "max_position_embeddings: found 0, expected a whole number from 1" },
    { "{\"rms_norm_eps\": -1e-6}", "rms_norm_eps: found a number below 0, expected 0 or above" },
    { "{\"rms_norm_eps\": \"1e-6\"}", "rms_norm_eps: found \"1e-6\", expected a number" },
    { "{\"pad_token_id\": -1}", "pad_token_id: found -1, expected a whole number from 0" },
    { "{\"pad_token_id\": 23}", "pad_token_id: found a token beyond the vocabulary, expected one below vocab_size" },
    { "{\"tie_word_embeddings\": 1}", "tie_word_embeddings: found 1, expected true or false" },
    { "{\"attention_bias\": \"no\"}", "attention_bias: found \"no\", expected true or false" },
    { "{\"attention_k_eq_v\": 0}", "attention_k_eq_v: found 0, expected true or false" },
    { "{\"use_double_wide_mlp\": []}", "use_double_wide_mlp: found [], expected true or false" },
    { "{\"enable_moe_block\": 1}", "enable_moe_block: found 1, expected true or false" },
    { "{\"sliding_window\": null}", "sliding_window: found null, expected a whole number from 1" },
    { "{\"sliding_window\": 0}", "sliding_window: found 0, expected a whole number from 1" },
    { "{\"final_logit_softcapping\": 0}",
      "final_logit_softcapping: found a number of 0 or below, expected null, or one above 0" },
    { "{\"final_logit_softcapping\": -30}", "final_logit_softcapping: found a number of 0 or below" },
    { "{\"final_logit_softcapping\": true}", "final_logit_softcapping: found true, expected a number" },
    { "{\"use_bidirectional_attention\": \"audio\"}",
      "use_bidirectional_attention: found audio, expected null, vision or all" },
    { "{\"use_bidirectional_attention\": true}", "use_bidirectional_attention: found true, expected a string" },
    { "{\"hidden_size_per_layer_input\": 16385}",
      "hidden_size_per_layer_input: found 16385, expected a whole number from 0 to 16384" },
    { "{\"hidden_size_per_layer_input\": -1}",
      "hidden_size_per_layer_input: found -1, expected a whole number from 0" },
    { "{\"vocab_size_per_layer_input\": 0}", "vocab_size_per_layer_input: found 0, expected a whole number from 1" },
    /* layers */
    { "{\"layer_types\": \"full_attention\"}", "layer_types: found another number of entries" },
    { "{\"layer_types\": {}}", "layer_types: found another number of entries" },
    { "{\"num_hidden_layers\": 1, \"layer_types\": [\"chunked_attention\"]}",
      "layer_types: found chunked_attention, expected full_attention or sliding_attention" },
    { "{\"num_hidden_layers\": 1, \"layer_types\": [7]}",
      "layer_types: found no string, expected full_attention or sliding_attention" },
    { "{\"head_dim\": 7}", "head_dim: found 7 for layer 0, expected an even number" },
    { "{\"global_head_dim\": 9}", "head_dim: found 9 for layer 1, expected an even number" },
    { "{\"global_head_dim\": 16777216}", "global_head_dim: found 16777216, expected a whole number from 1 to 16384" },
    { "{\"head_dim\": 16385}", "head_dim: found 16385, expected a whole number from 1 to 16384" },
    { "{\"num_key_value_heads\": 3}",
      "num_key_value_heads: found 3 for layer 0, expected a divisor of num_attention_heads" },
    { "{\"attention_k_eq_v\": true, \"num_global_key_value_heads\": 3}",
      "num_key_value_heads: found 3 for layer 1, expected a divisor of num_attention_heads" },
    { "{\"num_key_value_heads\": 16777216}",
      "num_key_value_heads: found 16777216, expected a whole number from 1 to 1024" },
    { "{\"attention_k_eq_v\": true, \"num_global_key_value_heads\": 1025}",
      "num_global_key_value_heads: found 1025, expected a whole number from 1 to 1024" },
    { "{\"per_layer_config\": []}", "per_layer_config: found [], expected an object" },
    { "{\"per_layer_config\": {\"0\": 3}}", "0: found 3, expected an object" },
    { "{\"per_layer_config\": {\"1\": {\"head_dim\": 0}}}", "1.head_dim: found 0, expected a whole number" },
    { "{\"per_layer_config\": {\"1\": {\"head_dim\": 16386}}}",
      "1.head_dim: found 16386, expected a whole number from 1 to 16384" },
    { "{\"per_layer_config\": {\"3\": {\"num_key_value_heads\": true}}}",
      "3.num_key_value_heads: found true, expected a whole number" },
    { "{\"per_layer_config\": {\"1\": {\"sliding_window\": 4}}}",
      "1.sliding_window: found a switch of one layer, expected head_dim or num_key_value_heads alone" },
    { "{\"per_layer_config\": {\"4\": {\"head_dim\": 8}}}",
      "per_layer_config.4: found no layer of that number, expected 0 to num_hidden_layers - 1" },
    { "{\"per_layer_config\": {\"1\": {\"head_dim\": 10}}}",
      "head_dim: found 6 for layer 3, expected the same for all layers of a type" },
    /* shared layers */
    { "{\"num_kv_shared_layers\": 3}", "num_kv_shared_layers: found 3 with no full_attention layer before them, "
                                       "expected a layer of each type that stores keys and values" },
    { "{\"num_kv_shared_layers\": 4}", "num_kv_shared_layers: found 4 with no full_attention layer before them" },
    { "{\"num_kv_shared_layers\": 900}", "num_kv_shared_layers: found 900 with no full_attention layer before them" },
    { "{\"num_kv_shared_layers\": 2, \"num_hidden_layers\": 3, \"layer_types\":"
      " [\"full_attention\", \"sliding_attention\", \"full_attention\"]}",
      "num_kv_shared_layers: found 2 with no sliding_attention layer before them" },
    { "{\"num_kv_shared_layers\": -1}", "num_kv_shared_layers: found -1, expected a whole number from 0" },
    /* rope */
    { "{\"rope_parameters\": []}", "rope_parameters: found [], expected an object" },
    { "{\"rope_parameters\": {" SLIDING "}}", "full_attention: found no such key, expected an object" },
    { "{\"rope_parameters\": {\"full_attention\": {\"rope_type\": \"default\", \"rope_theta\": 1e4}}}",
      "sliding_attention: found no such key, expected an object" },
    { ROPE("yarn", ", \"rope_theta\": 1e6"), "full_attention.rope_type: found yarn, expected default or proportional" },
    { ROPE("linear", ""), "full_attention.rope_type: found linear, expected default or proportional" },
    { ROPE("default", ""), "full_attention.rope_theta: found no such key, expected a number" },
    { ROPE("default", ", \"rope_theta\": 0"), "full_attention.rope_theta: found a number of 0 or below" },
    { ROPE("proportional", ", \"rope_theta\": 1e6, \"factor\": 0"), "full_attention.factor: found a number of 0 or" },
    { ROPE("proportional", ", \"rope_theta\": 1e6, \"partial_rotary_factor\": 1.5"),
      "full_attention.partial_rotary_factor: found a number beyond these, expected 0 to 1" },
    { ROPE("proportional", ", \"rope_theta\": 1e6, \"partial_rotary_factor\": -0.5"),
      "full_attention.partial_rotary_factor: found a number beyond these, expected 0 to 1" },
    { "{\"rope_parameters\": {\"sliding_attention\": {\"rope_theta\": 1e4}, \"full_attention\":"
      " {\"rope_type\": \"default\", \"rope_theta\": 1}}}",
      "sliding_attention.rope_type: found no such key, expected a string" },
    /* experts */
    { "{" MOE ", \"num_experts\": null}", "num_experts: found null, expected a whole number from 1" },
    { "{" MOE ", \"num_experts\": 16385}", "num_experts: found 16385, expected a whole number from 1 to 16384" },
    { "{" MOE ", \"top_k_experts\": 5}", "top_k_experts: found 5, expected a whole number from 1 to 4" },
    { "{" MOE ", \"top_k_experts\": 0}", "top_k_experts: found 0, expected a whole number from 1" },
    { "{" MOE ", \"moe_intermediate_size\": null}", "moe_intermediate_size: found null, expected a whole number" },
};

START_TEST(bad_key)
{
    Error error = { "" };
    Gemma4TextConfig config;
    json_t *json = tiny_config(bad[_i].changes);
    gemma4_text_config_load(&config, (ConfigReader){ "config.json", "", json, &error }, &scratch);
    assert_refused(&error, "config.json: ", bad[_i].says);
    json_decref(json);
}
END_TEST

Suite *text_configuration_bad_suite(void)
{
    Suite *suite = suite_create("text_configuration_bad");
    tcase_add_loop_test(theme(suite, "keys"), bad_key, 0, COUNT(bad));
    return suite;
}
