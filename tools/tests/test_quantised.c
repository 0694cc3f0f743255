/* test_quantised.c - --weights and --activations, on dumps of llama.cpp's Q8_0 and Q4_0 kernels */
#include "command.h"

#define FOLDER "fixtures/quantised"
#define DUMP FOLDER "/llama.cpp-e2b-text-q8_0.safetensors"
#define GGUF FOLDER "/e2b-text-q8_0.gguf"
#define DUMP_Q4 FOLDER "/llama.cpp-e2b-text-q4_0"
#define OF_Q4 "--names", FOLDER "/llama.cpp-names.json", "--as", "fp32", "--weights", FOLDER "/e2b-text-q4_0.gguf"
#define GRADE_Q4 "grade", TEXT, DUMP_Q4 ".safetensors", OF_Q4
#define STATIC FOLDER "/26b-a4b-static"
#define OF_LARGEST "grade", STATIC, STATIC "/dumps/honest-largest-bf16.safetensors", "--as", "bf16"
#define GRADE "grade", TEXT, DUMP, "--names", FOLDER "/llama.cpp-names.json", "--as", "fp32"

/* Right only with the backend's own weights and its own rule: every other declaration fails at the first product. */
static const struct {
    const char *arguments[16], *says;
    int status;
} grades[] = {
    { { GRADE, "--weights", GGUF, "--activations", "q8_0" }, "q8_0 (31), as declared\n", 0 },
    { { GRADE, "--weights", GGUF, "--activations", "ggml" }, "as declared\n", 0 },
    { { GRADE, "--weights", GGUF }, "none (31), as the checkpoint says\n", 1 },
    { { GRADE, "--weights", GGUF, "--activations", "none" }, "none (31), as declared\n", 1 },
    { { GRADE, "--weights", GGUF, "--activations", "q8_k" }, "layers.0.self_attn.q_proj", 1 },
    { { GRADE, "--weights", GGUF, "--activations", "int8-token" }, "layers.0.self_attn.q_proj", 1 },
    { { GRADE, "--weights", GGUF, "--activations", "int8-token-sym" }, "layers.0.self_attn.q_proj", 1 },
    { { GRADE, "--weights", GGUF, "--activations", "int8-tensor" }, "layers.0.self_attn.q_proj", 1 },
    { { GRADE, "--weights", GGUF, "--activations", "fp8-token" }, "layers.0.self_attn.q_proj", 1 },
    { { GRADE, "--activations", "q8_0" }, "FAIL", 1 },
    { { GRADE }, "FAIL", 1 },
    { { GRADE_Q4, "--activations", "q8_0" }, "Q4_0 (31); inputs of their products are rounded to: q8_0 (31)", 0 },
    { { GRADE_Q4, "--activations", "ggml" }, "q8_0 (31), as declared\n", 0 },
    { { GRADE_Q4 }, "FAIL  first bent step: model.layers.0.self_attn.q_proj", 1 },
    { { OF_LARGEST, "--activations", "largest-of-experts" }, "says, by the largest scale of a layer's experts\n", 0 },
    { { OF_LARGEST }, "FAIL  first bent step: model.layers.0.experts", 1 },
    { { "diagnose", TEXT, DUMP_Q4 "-nibbles-exchanged.safetensors", OF_Q4, "--activations", "q8_0" },
      "matches known bug quant-nibbles-exchanged",
      1 },
};

START_TEST(graded)
{
    Result result = run_plumb(grades[_i].arguments);
    assert_status(result, grades[_i].status);
    ck_assert_msg(strstr(result.out, grades[_i].says) != NULL, "%s", result.out);
}
END_TEST

START_TEST(json_says_so)
{
    const char *report = temporary("report.json");
    assert_status(plumb(GRADE, "--weights", GGUF, "--activations", "q8_0", "--json", report), 0);
    json_t *json = read_json(report), *weights = json_object_get(json, "weights");
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(weights, "schemes"), "Q8_0")), 31);
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(weights, "inputs"), "q8_0")), 31);
    ck_assert(json_is_true(json_object_get(weights, "declared")));
    json_decref(json);
    assert_status(plumb("grade", E2B, HONEST, "--json", report), 0);
    json = read_json(report);
    ck_assert(json_is_null(json_object_get(json, "weights")));
    json_decref(json);
}
END_TEST

START_TEST(inspected)
{
    Result result = plumb("inspect", GGUF);
    assert_status(result, 0);
    ck_assert_msg(strstr(result.out, "blk.0.attn_q.weight ") && strstr(result.out, " Q8_0  [256, 64]"), "%s",
                  result.out);
    result = plumb("inspect", TEXT "/model", "--weights", GGUF);
    assert_status(result, 0);
    ck_assert_msg(strstr(result.out, "model.layers.0.self_attn.q_proj.weight ") &&
                      strstr(result.out, "1 tensors left over\n  rope_freqs.weight "),
                  "%s", result.out);
    ck_assert_msg(strstr(result.out, TEXT "/model: nearest to E2B's text model, which has\n"), "%s", result.out);
}
END_TEST

/* Whatever it begins with, what is called a GGUF file is read as one. */
START_TEST(gguf_is_told_by_its_name)
{
    const char *file = temporary("broken.gguf");
    write_text(file, "GGUX and so on");
    Result result = plumb("inspect", file);
    assert_status(result, 2);
    ck_assert_msg(strstr(result.err, "broken.gguf: found other bytes at its beginning, expected GGUF"), "%s",
                  result.err);
    result = plumb("inspect", TEXT "/model", "--weights", file);
    assert_status(result, 2);
    ck_assert_msg(strstr(result.err, "broken.gguf: found other bytes at its beginning, expected GGUF"), "%s",
                  result.err);
}
END_TEST

#define CACHE FOLDER "/e2b-fp8-cache"
#define CACHED "grade", CACHE, CACHE "/dumps/honest-fp8-exact-bf16.safetensors", "--as", "bf16"

START_TEST(cache_is_declared)
{
    const char *report = temporary("report.json");
    Result result = plumb(CACHED, "--kv-cache", "fp8", "--json", report);
    assert_status(result, 0);
    json_t *json = read_json(report), *cache = json_object_get(json, "kv_cache");
    ck_assert_str_eq(json_string_value(json_object_get(cache, "declared")), "fp8");
    ck_assert_str_eq(json_string_value(json_object_get(cache, "fits")), "fp8");
    json_decref(json);
    result = plumb(CACHED);
    assert_status(result, 1);
    ck_assert_msg(strstr(result.out, "declared --kv-cache none; every step is straight with --kv-cache fp8\n"), "%s",
                  result.out);
    result = plumb(CACHED, "--kv-cache", "int4");
    assert_status(result, 2);
    ck_assert_msg(strstr(result.err, "--kv-cache: found int4, expected none, fp8 or q8_0"), "%s", result.err);
}
END_TEST

START_TEST(cache_of_the_checkpoint)
{
    const char *folder = copied_case(CACHE), *file = arena_format(&scratch, "%s/model/config.json", folder);
    const char *dump = CACHE "/dumps/honest-fp8-exact-bf16.safetensors";
    json_t *config = json_load_file(file, 0, NULL);
    json_object_set_new(config, "quantization_config",
                        json_pack("{s:s, s:{}, s:{s:i, s:s, s:s}}", "quant_method", "compressed-tensors",
                                  "config_groups", "kv_cache_scheme", "num_bits", 8, "type", "float", "strategy",
                                  "tensor"));
    ck_assert_int_eq(json_dump_file(config, file, 0), 0);
    json_decref(config);
    Result result = plumb("grade", folder, dump, "--as", "bf16");
    assert_status(result, 0);
    ck_assert_msg(strstr(result.out, "keys and values are cached as: fp8, as the checkpoint says\n"), "%s", result.out);
    result = plumb("grade", folder, dump, "--as", "bf16", "--kv-cache", "none");
    assert_status(result, 1);
    ck_assert_msg(strstr(result.out, "declared --kv-cache none; every step is straight with --kv-cache fp8\n"), "%s",
                  result.out);
}
END_TEST

START_TEST(diagnosis_says_the_cache)
{
    const char *report = temporary("report.json");
    Result result = plumb("diagnose", CACHE, CACHE "/dumps/honest-fp8-exact-bf16.safetensors", "--as", "bf16",
                          "--kv-cache", "fp8", "--only", "model.layers.0.*", "--json", report);
    assert_status(result, 0);
    ck_assert_msg(strstr(result.out, "keys and values are cached as: fp8, as declared\n"), "%s", result.out);
    json_t *json = read_json(report), *cache = json_object_get(json, "kv_cache");
    ck_assert_str_eq(json_string_value(json_object_get(cache, "declared")), "fp8");
    ck_assert_str_eq(json_string_value(json_object_get(cache, "fits")), "fp8");
    json_decref(json);
}
END_TEST

START_TEST(explained_model_has_the_cache)
{
    Result plain = plumb("explain-model", CACHE, "--only", "*attn_output");
    Result cached = plumb("explain-model", CACHE, "--only", "*attn_output", "--kv-cache", "fp8");
    assert_status(plain, 0);
    assert_status(cached, 0);
    ck_assert_str_ne(plain.out, cached.out);
}
END_TEST

START_TEST(rule_is_refused)
{
    Result result = plumb("grade", TEXT, DUMP, "--activations", "int4-token");
    assert_status(result, 2);
    ck_assert_msg(strstr(result.err, "--activations: found int4-token, expected none, int8-token,"), "%s", result.err);
}
END_TEST

Suite *quantised_suite(void)
{
    Suite *suite = suite_create("quantised");
    TCase *tcase = theme(suite, "declared");
    tcase_add_loop_test(tcase, graded, 0, COUNT(grades));
    tcase_add_test(tcase, json_says_so);
    tcase_add_test(tcase, inspected);
    tcase_add_test(tcase, gguf_is_told_by_its_name);
    tcase_add_test(tcase, cache_is_declared);
    tcase_add_test(tcase, cache_of_the_checkpoint);
    tcase_add_test(tcase, diagnosis_says_the_cache);
    tcase_add_test(tcase, explained_model_has_the_cache);
    tcase_add_test(tcase, rule_is_refused);
    return suite;
}
