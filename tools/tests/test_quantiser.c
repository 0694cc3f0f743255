/* test_quantiser.c - plumb quantiser, on a real GGUF file and on bent ones */
#include <stdlib.h>
#include <unistd.h>

#include "command.h"

#define GGUF "fixtures/quantised/e2b-text-q8_0.gguf"

static void assert_says(const char *text, const char *words) { ck_assert_msg(strstr(text, words) != NULL, "%s", text); }

START_TEST(honest_file)
{
    const char *report = temporary("report.json");
    Result result = plumb("quantiser", TEXT, GGUF, "--json", report);
    assert_status(result, 0);
    assert_says(result.out, "67 tensors, 31 of them quantised: 0 failed; PASS\n");
    json_t *json = read_json(report), *tensor = json_array_get(json_object_get(json, "tensors"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(json, "outcome")), "pass");
    ck_assert_uint_eq(json_array_size(json_object_get(json, "tensors")), 67);
    ck_assert_str_eq(json_string_value(json_object_get(tensor, "name")), "model.embed_tokens.weight");
    ck_assert_str_eq(json_string_value(json_object_get(tensor, "scheme")), "Q8_0");
    ck_assert_str_eq(json_string_value(json_object_get(tensor, "method")), "rounded to nearest");
    assert_near(json_real_value(json_object_get(tensor, "rms")), 1, 0.05, "rms", 0);
    json_decref(json);
}
END_TEST

START_TEST(itself)
{
    Result result = plumb("quantiser", TEXT "/model", TEXT);
    assert_status(result, 0);
    assert_says(result.out, "67 tensors, 0 of them quantised: 0 failed; PASS\n");
}
END_TEST

/* Pairs of bytes are exchanged in the last quarter of the file, where blocks of Q8_0 lie: scales and codes alike. */
START_TEST(bent_file)
{
    size_t size;
    char *bytes = read_text(GGUF, &size);
    for (size_t i = size - size / 4; i + 1 < size; i += 2) {
        char byte = bytes[i];
        bytes[i] = bytes[i + 1] & 0x3f;
        bytes[i + 1] = byte & 0x3f;
    }
    write_bytes(temporary("bent.gguf"), bytes, size);
    Result result = plumb("quantiser", TEXT, temporary("bent.gguf"), "--failed");
    assert_status(result, 1);
    assert_says(result.out, "no packing that is known explains it\n");
    assert_says(result.out, " failed; FAIL\n");
    ck_assert(strstr(result.out, " pass\n") == NULL);
}
END_TEST

/* Neither command computes a product, and neither has the options that would say how: inputs and a cache that plumb run
 * would not know how to round are nothing to them. */
START_TEST(kernels_do_not_matter)
{
    const char *model = "fixtures/quantised/e2b-w4a16/model", *weights = temporary("model.safetensors");
    json_t *config = read_json(arena_format(&scratch, "%s/config.json", model));
    json_t *quantised = json_object_get(config, "quantization_config");
    json_t *group = json_object_get(json_object_get(quantised, "config_groups"), "group_0");
    json_object_set_new(quantised, "kv_cache_scheme", json_pack("{s:i, s:s}", "num_bits", 8, "type", "int"));
    json_object_set_new(group, "input_activations", json_pack("{s:i, s:s}", "num_bits", 6, "type", "int"));
    json_dump_file(config, temporary("config.json"), 0);
    json_decref(config);
    char *from = realpath(arena_format(&scratch, "%s/model.safetensors", model), NULL);
    unlink(weights);
    ck_assert_int_eq(symlink(from, weights), 0);
    free(from);
    assert_status(plumb("inspect", temporary("")), 0);
    assert_status(plumb("quantiser", TEXT, temporary("")), 1); /* another model's weights */
    unlink(weights);
    unlink(temporary("config.json"));
}
END_TEST

START_TEST(another_model)
{
    Result result = plumb("quantiser", EXPERTS, TEXT);
    assert_status(result, 1);
    assert_says(result.out, "the original has no such tensor  FAIL\n");
}
END_TEST

START_TEST(only)
{
    Result result = plumb("quantiser", TEXT, GGUF, "--only", "*.q_proj.weight", "--only", "*norm*");
    assert_status(result, 0);
    ck_assert(strstr(result.out, "k_proj") == NULL);
    assert_status(plumb("quantiser", TEXT, GGUF, "--only", "nothing"), 3);
}
END_TEST

static const struct {
    const char *original, *quantised, *says;
} bad[] = {
    { "nowhere", TEXT, "nowhere" },
    { TEXT, "nowhere", "nowhere" },
    { TEXT, "README.md", "README.md" },
    { HONEST, TEXT, HONEST },
};

START_TEST(bad_input)
{
    Result result = plumb("quantiser", bad[_i].original, bad[_i].quantised);
    assert_one_line(result, (const char *const[]){ bad[_i].says, NULL });
}
END_TEST

START_TEST(output_is_no_input)
{
    copy_file(GGUF, temporary("weights.gguf"));
    assert_one_line(plumb("quantiser", TEXT, temporary("weights.gguf"), "--json", temporary("weights.gguf")),
                    (const char *const[]){ "weights.gguf", "which is read", NULL });
}
END_TEST

Suite *quantiser_suite(void)
{
    Suite *suite = suite_create("quantiser");
    TCase *tcase = theme(suite, "files");
    tcase_add_test(tcase, honest_file);
    tcase_add_test(tcase, itself);
    tcase_add_test(tcase, bent_file);
    tcase_add_test(tcase, kernels_do_not_matter);
    tcase_add_test(tcase, another_model);
    tcase_add_test(tcase, only);
    tcase_add_loop_test(tcase, bad_input, 0, COUNT(bad));
    tcase_add_test(tcase, output_is_no_input);
    return suite;
}
