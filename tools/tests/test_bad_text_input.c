/* test_bad_text_input.c - what may be wrong with a text model or its prompt: status 2, one line, and no file left */
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"

#define MODEL "case/model/model.safetensors"
#define CONFIG "case/model/config.json"
#define INPUTS "case/inputs.safetensors"
#define GENERATION "case/model/generation_config.json"

/* A value of config.json, or the whole of another file */
typedef struct {
    const char *file, *key, *value;
} Edit;

#define CONFIGURED(key, value) \
    {                          \
        CONFIG, key, value     \
    }
#define GIVEN(arrays)        \
    {                        \
        INPUTS, NULL, arrays \
    }
#define TOKENS "\"input_ids\": [[1, 2, 3, 4]]"
#define PIXELS                                                                                                   \
    "\"pixel_values\": \"1 18 192\", \"image_position_ids\": [[[0,0],[1,0],[2,0],[3,0],[4,0],[5,0],[0,1],[1,1]," \
    "[2,1],[3,1],[4,1],[5,1],[0,2],[1,2],[2,2],[3,2],[4,2],[5,2]]]"

static const struct {
    const char *fixture;
    Edit edit;
    const char *names[4];
} bent_cases[] = {
    /* the prompt */
    { TEXT,
      GIVEN("{\"input_ids\": [[1, 2], [3, 320]]}"),
      { INPUTS, "input_ids: found token 320 at [1, 1], expected 0 to 319" } },
    { TEXT, GIVEN("{\"input_ids\": [[-1, 2]]}"), { INPUTS, "input_ids: found token -1 at [0, 0], expected 0 to 319" } },
    { TEXT,
      GIVEN("{\"input_ids\": [[1.0, 2.0]]}"),
      { INPUTS, "input_ids: found dtype F32, expected an integer dtype" } },
    { TEXT, GIVEN("{\"input_ids\": [1, 2]}"), { INPUTS, "input_ids: found shape [2], expected [batch, tokens]" } },
    { TEXT, GIVEN("{\"ids\": [[1, 2]]}"), { INPUTS, "input_ids: found no such input, expected [batch, tokens]" } },
    { TEXT,
      GIVEN("{" TOKENS ", \"attention_mask\": [[1, 0, 1, 1]]}"),
      { INPUTS, "attention_mask: found a hole in row 0, expected padding at the ends only" } },
    { TEXT,
      GIVEN("{" TOKENS ", \"attention_mask\": [[1, 1, 1]]}"),
      { INPUTS, "attention_mask: found shape [1, 3], expected that of input_ids, [1, 4]" } },
    { TEXT,
      GIVEN("{" TOKENS ", \"attention_mask\": [[1, 1, 1, 2]]}"),
      { INPUTS, "attention_mask: found 2 at [0, 3], expected 0 or 1" } },
    { TEXT,
      GIVEN("{" TOKENS ", \"position_ids\": [[0, 1, 2, -3]]}"),
      { INPUTS, "position_ids: found -3 at token 3, expected 0 or above" } },
    { TEXT,
      GIVEN("{" TOKENS ", \"mm_token_type_ids\": [[0, 0, 0, 0, 0]]}"),
      { INPUTS, "mm_token_type_ids: found shape [1, 5], expected that of input_ids, [1, 4]" } },
    { WHOLE,
      GIVEN("{" TOKENS ", \"mm_token_type_ids\": [[0, 0]]}"),
      { INPUTS, "mm_token_type_ids: found shape [1, 2], expected that of input_ids, [1, 4]" } },
    { WHOLE,
      GIVEN("{" TOKENS ", " PIXELS "}"),
      { INPUTS, "input_ids: found 0 image tokens (id ", ", expected 2, one for each of the features" } },
    { TEXT,
      GIVEN("{" TOKENS ", " PIXELS "}"),
      { INPUTS, "pixel_values: found pixels or sound, expected token ids alone for a text model" } },
    { WHOLE,
      GIVEN("{" TOKENS ", \"input_features\": \"1 2 3\"}"),
      { CONFIG, "audio_config: found none, expected one for input_features" } },
    /* switches */
    { TEXT,
      CONFIGURED("num_kv_shared_layers", "3"),
      { CONFIG,
        "num_kv_shared_layers: found 3 with no full_attention layer before them, expected a layer of each type" } },
    { TEXT,
      CONFIGURED("layer_types", "[\"sliding_attention\"]"),
      { CONFIG, "layer_types: found another number of entries, expected num_hidden_layers" } },
    { TEXT,
      CONFIGURED("layer_types", "[\"linear_attention\", \"full_attention\", \"full_attention\", \"full_attention\"]"),
      { CONFIG, "layer_types: found linear_attention, expected full_attention or sliding_attention" } },
    { TEXT,
      CONFIGURED("rope_parameters.full_attention.rope_type", "\"yarn\""),
      { CONFIG, "rope_type: found yarn, expected default or proportional" } },
    { TEXT,
      CONFIGURED("per_layer_config", "{\"1\": {\"head_dim\": 512, \"num_attention_heads\": 4}}"),
      { CONFIG, "num_attention_heads: found a switch of one layer, expected head_dim or num_key_value_heads" } },
    { TEXT,
      CONFIGURED("use_bidirectional_attention", "\"audio\""),
      { CONFIG, "use_bidirectional_attention: found audio, expected null, vision or all" } },
    { TEXT, CONFIGURED("hidden_activation", "\"mish\""), { CONFIG, "hidden_activation: found mish, expected gelu" } },
    { EXPERTS,
      CONFIGURED("text_config.top_k_experts", "9"),
      { CONFIG, "text_config.top_k_experts: found 9, expected a whole number from 1 to 8" } },
    { EXPERTS,
      CONFIGURED("text_config.num_experts", "null"),
      { CONFIG, "text_config.num_experts: found null, expected" } },
    { TEXT,
      { GENERATION, NULL, "{\"eos_token_id\": \"</s>\"}" },
      { GENERATION, "eos_token_id: found something else, expected a token id, or a list of them" } },
    { TEXT, { GENERATION, NULL, "{" }, { GENERATION, "found invalid JSON" } },
    { TEXT,
      { GENERATION, NULL, "{\"eos_token_id\": 1, \"pad_token_id\": 1000}" },
      { GENERATION, "pad_token_id: found 1000, expected one below vocab_size" } },
    /* weights that do not fit */
    { TEXT,
      CONFIGURED("attention_bias", "true"),
      { MODEL, "model.layers.0.self_attn.q_proj.bias: found no such tensor, expected [" } },
    { TEXT,
      CONFIGURED("tie_word_embeddings", "false"),
      { MODEL, "lm_head.weight: found no such tensor, expected [320, " } },
    { TEXT,
      CONFIGURED("use_double_wide_mlp", "false"),
      { MODEL, "model.layers.2.mlp.gate_proj.weight: found shape [" } },
    { TEXT,
      CONFIGURED("num_kv_shared_layers", "0"),
      { MODEL, "model.layers.2.self_attn.k_norm.weight: found no such tensor" } },
    { EXPERTS,
      CONFIGURED("text_config.num_experts", "7"),
      { MODEL, ".layers.0.router.proj.weight: found shape [8, ", ", expected [7, " } },
};

static void bend(Edit edit, const char *fixture)
{
    const char *path = temporary(edit.file);
    if (edit.key)
        write_edited_json(arena_format(&scratch, "%s/model/config.json", fixture), path, edit.key, edit.value);
    else if (strcmp(edit.file, INPUTS) == 0)
        write_arrays(path, edit.value);
    else
        write_text(path, edit.value);
}

START_TEST(bent_case)
{
    const char *folder = copied_case(bent_cases[_i].fixture), *out = temporary("out.safetensors");
    const char *expected = arena_format(&scratch, "%s/expected.safetensors", bent_cases[_i].fixture);
    bend(bent_cases[_i].edit, bent_cases[_i].fixture);
    assert_one_line(plumb("run", folder, "--out", out), bent_cases[_i].names);
    assert_one_line(plumb("run", folder, "--out", out, "--max-new-tokens", "2"), bent_cases[_i].names);
    assert_one_line(plumb("generate", folder, "--logits", out, "--max-new-tokens", "2"), bent_cases[_i].names);
    assert_one_line(plumb("grade", folder, expected, "--json", out), bent_cases[_i].names);
    ck_assert_msg(remove(out) == 0, "no report says the error");
    ck_assert_msg(files_in(temporary_folder()) == 1, "a file was left behind");
}
END_TEST

/* ---------------------------------------------------------------- tensors */

static void missing_tensor(void)
{
    set_field(temporary(MODEL), "model.layers.1.self_attn.v_proj.weight", NULL, "another");
}
static void misshapen(void)
{
    set_field(temporary(MODEL), "model.per_layer_projection_norm.weight", "shape", "[4, 4]");
}
static void nan_weight(void) { set_bytes(temporary(MODEL), "model.layers.3.layer_scalar", "\xc0\x7f", 2); }
static void of_integers(void) { set_field(temporary(MODEL), "model.norm.weight", "dtype", "\"I16\""); }
static void no_table(void) { set_field(temporary(MODEL), "model.embed_tokens_per_layer.weight", NULL, "another"); }

static const struct {
    void (*bend)(void);
    const char *names[4];
} bent_tensors[] = {
    { missing_tensor, { MODEL, "model.layers.1.self_attn.v_proj.weight: found no such tensor, expected [512, " } },
    { misshapen, { MODEL, "model.per_layer_projection_norm.weight: found shape [4, 4], expected [16]" } },
    { nan_weight, { MODEL, "model.layers.3.layer_scalar: found NaN or infinity, expected finite weights" } },
    { of_integers, { MODEL, "model.norm.weight: found dtype I16, expected a float dtype" } },
    { no_table, { MODEL, "model.embed_tokens_per_layer.weight: found no such tensor, expected [320, " } },
};

START_TEST(bent_tensor)
{
    const char *folder = copied_case(TEXT), *out = temporary("out.safetensors");
    bent_tensors[_i].bend();
    assert_one_line(plumb("run", folder, "--out", out), bent_tensors[_i].names);
    assert_one_line(plumb("generate", folder, "--logits", out, "--max-new-tokens", "2"), bent_tensors[_i].names);
    ck_assert_msg(files_in(temporary_folder()) == 1, "a file was left behind");
}
END_TEST

/* ---------------------------------------------------------------- generation alone */

static const struct {
    Edit edit;
    const char *max_new_tokens, *names[4];
} bent_generations[] = {
    { { NULL, NULL, NULL },
      "245",
      { INPUTS, "input_ids: found 12 tokens and 245 new ones, expected at most 256 in all", "max_position" } },
    { CONFIGURED("max_position_embeddings", "13"),
      "2",
      { INPUTS, "found 12 tokens and 2 new ones, expected at most 13 in all" } },
    { GIVEN("{" TOKENS ", \"attention_mask\": [[1, 1, 1, 0]]}"),
      "1",
      { INPUTS, "attention_mask: found padding behind row 0, expected it on the left to generate" } },
};

/* A forward pass can take it. */
START_TEST(bent_generation)
{
    const char *folder = copied_case(TEXT), *out = temporary("out.safetensors"),
               *n = bent_generations[_i].max_new_tokens;
    if (bent_generations[_i].edit.file) bend(bent_generations[_i].edit, TEXT);
    assert_one_line(plumb("run", folder, "--out", out, "--max-new-tokens", n), bent_generations[_i].names);
    assert_one_line(plumb("generate", folder, "--logits", out, "--max-new-tokens", n), bent_generations[_i].names);
    ck_assert_msg(files_in(temporary_folder()) == 1, "a file was left behind");
    assert_status(plumb("run", folder, "--only", "logits"), 0);
}
END_TEST

START_TEST(longest_generation)
{
    const char *folder = copied_case(TEXT);
    write_edited_json(TEXT "/model/config.json", temporary(CONFIG), "max_position_embeddings", "14");
    assert_status(plumb("generate", folder, "--max-new-tokens", "2"), 0);
}
END_TEST

Suite *bad_text_input_suite(void)
{
    Suite *suite = suite_create("bad_text_input");
    TCase *tcase = theme(suite, "case");
    tcase_add_loop_test(tcase, bent_case, 0, COUNT(bent_cases));
    tcase_add_loop_test(tcase, bent_tensor, 0, COUNT(bent_tensors));
    tcase = theme(suite, "generation");
    tcase_add_loop_test(tcase, bent_generation, 0, COUNT(bent_generations));
    tcase_add_test(tcase, longest_generation);
    return suite;
}
