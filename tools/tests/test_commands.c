/* test_commands.c - what the commands do with good input, and their exit statuses */
#include "command.h"

#define CLIP_OMITTED E2B "/dumps/buggy-vision-clip-omitted-bf16.safetensors"

static void assert_says(Result result, const char *phrase)
{
    ck_assert_msg(strstr(result.out, phrase) != NULL, "no \"%s\" in:\n%s%s", phrase, result.out, result.err);
}

/* The whole command line, its exit status, and a phrase of what it prints. */
static const struct {
    const char *arguments[12];
    int status;
    const char *says;
} commands[] = {
    { { "grade", E2B, HONEST }, 0, "PASS  all 68 steps are straight as bf16\n" },
    { { "grade", E2B "/", HONEST, "--as", "bf16", "--quiet", "--threads", "2" },
      0,
      "case e2b-vision   dump honest-bf16-eager" },
    { { "grade", "--model", E2B "/model", "--inputs", E2B "/inputs.safetensors", HONEST }, 0, "PASS" },
    { { "grade", BIG, HONEST, "--model", E2B "/model", "--inputs", E2B "/inputs.safetensors" }, 0, "PASS" },
    { { "grade", E2B, E2B "/dumps/honest-fp16-sdpa.safetensors" }, 0, "straight as fp16" },
    { { "grade", E2B, E2B "/expected.safetensors" }, 0, "PASS  all 73 steps are straight as fp32" },
    { { "grade", E2B, E2B "/expected.safetensors", "--strict" }, 0, "PASS" },
    { { "grade", E2B, HONEST, "--samples", "1" }, 0, "PASS  all 68 steps" },
    { { "grade", E2B, CLIP_OMITTED, "--samples", "16", "--as", "bf16" }, 1, "      over its limit: ratio " },
    { { "grade", E2B, HONEST, "--strict" }, 1, "FAIL  --strict: 5 taps missing, 0 names unknown\n" },
    { { "grade", E2B, HONEST, "--only", "*.embed_vision", "--only", "*.layers.?" }, 0, "PASS  all 3 steps" },
    { { "grade", E2B, HONEST, "--as", "fp32" }, 1, "FAIL  first bent step: " },
    { { "grade", E2B, CLIP_OMITTED },
      1,
      "FAIL  first bent step: model.vision_tower.encoder.layers.0.self_attn.q_proj.linear (" },
    { { "compare", HONEST, HONEST }, 0, "68 compared, 0 failed, 0 missing\n" },
    { { "compare", HONEST, HONEST, "--limit", "0" }, 0, "68 compared, 0 failed" },
    { { "compare", E2B "/expected.safetensors", HONEST }, 1, "68 compared, 0 failed, 5 missing\n" },
    { { "compare", HONEST, E2B "/expected.safetensors" }, 0, "68 compared, 0 failed, 0 missing\n" },
    { { "compare", HONEST, E2B "/expected.safetensors", "--limit", "1e-6" }, 1, "  FAIL\n" },
    { { "compare", HONEST, BIG "/expected.safetensors" }, 1, "shape [1, 45, 144], expected [2, 18, 128]  FAIL\n" },
    { { "compare", HONEST, E2B "/inputs.safetensors" }, 3, "0 compared, 0 failed, 68 missing\n" },
    { { "inspect", E2B }, 0, " 0 tensors left over\n" },
    { { "inspect", E2B }, 0, "  image_position_ids " },
    { { "inspect", E2B "/model" }, 0, "model.vision_tower.patch_embedder.input_proj.weight " },
    { { "inspect", HONEST }, 0, ": 68 arrays\n" },
    { { "inspect", E2B "/inputs.safetensors" }, 0, "  image_position_ids " },
    { { "run", E2B, "--list" }, 0, "model.embed_vision                                                     [3, 96]" },
    { { "run", E2B }, 0, "[2, 18, 128]         rms " },
    { { "run", E2B, "--bug", "pool-sum", "--bug", "vision-mask-none", "--list" }, 0, "model.vision_tower.pooler " },
    { { "explain-model", TEXT, "--only", "*.0.mlp" },
      0,
      "    what the MLP adds, before its norm\n    Gemma4TextMLP.forward (modeling_gemma4.py:1065)   "
      "ref/gemma4/text_mlp.c:" },
    { { "explain-model", UNIFIED, "--list", "--layers" }, 0, " soft tokens of pictures\n" },
    { { "explain-model", TEXT, "--max-new-tokens", "2", "--only", "input_ids@1" }, 0, "input_ids@1 " },
    { { "bugs" }, 0, "\nsoftcap-missing                 logits                   logits are not soft-capped" },
    { { "bugs", "projector-norm-after-projection" }, 0, "  source      https://github.com/vllm-project/vllm/pull/4" },
    { { "bugs", "--case", E2B }, 0, "\n* vision-mask-none                model.vision_tower.encoder.layers.0" },
    { { "bugs", "--case", E2B "/" }, 0, "\n  std-not-loaded                  not exposed\n" },
    { { "bugs", "pool-sum", "--case", E2B }, 0, "* pool-sum                        model.vision_tower.pooler\n" },
    { { "run", "--help" }, 0, "Usage: plumb run [OPTION...] CASE\n" },
    { { "--version" }, 0, "\nproducts: OpenBLAS, kernel " },
    { { "--version" }, 0, "\nloops beside them: " },
    { { "--help" }, 0, "Exit status: 0 pass, 1 graded and failed" },
};

START_TEST(command)
{
    Result result = run_plumb(commands[_i].arguments);
    assert_status(result, commands[_i].status);
    assert_says(result, commands[_i].says);
    ck_assert_str_eq(result.err, "");
}
END_TEST

/* ---------------------------------------------------------------- run, then grade */

static const struct {
    const char *precision, *as;
    int status;
} precisions[] = {
    { "fp32", "fp32", 0 }, { "fp64", "fp32", 0 }, { "tf32", "tf32", 0 }, { "fp16", "fp16", 0 }, { "bf16", "bf16", 0 },
    { "bf16", "fp32", 1 }, { "bf16", "fp16", 1 }, { "fp16", "fp32", 1 }, { "tf32", "fp32", 1 },
};

START_TEST(own_output_is_graded)
{
    static const char *const folders[] = { E2B, BIG };
    const char *taps = temporary("taps.safetensors");
    for (int i = 0; i < COUNT(folders); i++) {
        assert_status(plumb("run", folders[i], "--precision", precisions[_i].precision, "--out", taps), 0);
        assert_status(plumb("grade", folders[i], taps, "--as", precisions[_i].as, "--strict"), precisions[_i].status);
    }
}
END_TEST

START_TEST(weights_are_rounded_too)
{
    const char *exact = temporary("exact.safetensors"), *nudged = temporary("nudged.safetensors");
    const char *model = nudged_model();
    assert_status(plumb("run", E2B, "--precision", "bf16", "--out", exact), 0);
    assert_status(plumb("run", E2B, "--precision", "bf16", "--out", nudged, "--model", model), 0);
    assert_status(plumb("compare", exact, nudged, "--limit", "0"), 0);
    assert_status(plumb("run", E2B, "--out", nudged, "--model", model), 0);
    assert_status(plumb("run", E2B, "--out", exact), 0);
    assert_status(plumb("compare", exact, nudged, "--limit", "1e-6"), 1);
}
END_TEST

static int64_t count_of(const char *taps)
{
    Error error = { "" };
    Safetensors *file = safetensors_open(taps, &error);
    assert_clean(&error);
    int64_t count = safetensors_count(file);
    safetensors_close(file);
    return count;
}

START_TEST(only_some_taps)
{
    const char *taps = temporary("taps.safetensors");
    assert_status(plumb("run", E2B, "--only", "*.layers.?", "--only", "model.embed_vision", "--out", taps), 0);
    ck_assert_int_eq(count_of(taps), 3);
    assert_says(plumb("run", E2B, "--only", "model.embed_vision", "--list"), "model.embed_vision ");
    ck_assert_ptr_null(strstr(plumb("run", E2B, "--only", "model.embed_vision").out, "layers"));
}
END_TEST

START_TEST(threads_make_no_difference)
{
    const char *one = temporary("1.safetensors"), *two = temporary("2.safetensors");
    assert_status(plumb("run", E2B, "--out", one), 0);
    assert_status(plumb("run", E2B, "--threads", "2", "--out", two, "--quiet"), 0);
    assert_status(plumb("compare", one, two, "--limit", "1e-5"), 0);
}
END_TEST

/* Images in a batch, their grid; the exit status of grading what run makes of them. */
static const struct {
    int64_t batch, width, height;
    int status;
} batches[] = { { 3, 6, 6, 0 }, { 1, 3, 3, 0 }, { 0, 3, 3, 3 } };

START_TEST(batch)
{
    const char *inputs = temporary("inputs.safetensors"), *taps = temporary("taps.safetensors");
    write_images(inputs, batches[_i].batch, batches[_i].width, batches[_i].height);
    assert_status(plumb("run", "--model", E2B "/model", "--inputs", inputs, "--out", taps), 0);
    Result result = plumb("grade", E2B, taps, "--inputs", inputs);
    assert_status(result, batches[_i].status);
    assert_says(result, batches[_i].batch ? "PASS" : "NOTHING GRADED");
}
END_TEST

/* Two images' worth of patches, one at (-1, 0) and eight of padding: only both coordinates at -1 make padding. */
START_TEST(half_padding_is_a_patch)
{
    const char *inputs = temporary("inputs.safetensors"), *taps = temporary("taps.safetensors");
    write_images(inputs, 1, 3, 9);
    int64_t ids[2 * 27];
    for (int i = 0; i < 2 * 27; i++) ids[i] = i >= 36 ? -1 : i % 2 ? i / 2 / 6 : i / 2 % 6;
    ids[2 * 18 + 1] = 0;
    set_bytes(inputs, "image_position_ids", ids, sizeof ids);
    assert_status(plumb("run", E2B, "--inputs", inputs, "--only", "*#padding_positions", "--out", taps), 0);

    Error error = { "" };
    float padding[27], sum = 0;
    Safetensors *file = safetensors_open(taps, &error);
    assert_clean(&error);
    array_read_f32(safetensors_array(file, 0), 0, 27, padding);
    for (int i = 0; i < 27; i++) sum += padding[i];
    ck_assert_float_eq(sum, 8);
    ck_assert_float_eq(padding[18], 0);
    safetensors_close(file);
}
END_TEST

/* pooling_kernel_size 1: as many padding patches as real ones is the one case in which Hugging Face does not raise. */
START_TEST(nothing_is_pooled)
{
    const char *inputs = temporary("inputs.safetensors"), *taps = temporary("taps.safetensors");
    write_edited_json(E2B "/model/config.json", temporary("config.json"), "vision_config.pooling_kernel_size", "1");
    copy_file(E2B "/model/model.safetensors", temporary("model.safetensors"));
    write_images(inputs, 2, 3, 3);
    int64_t ids[2 * 18];
    for (int i = 0; i < 2 * 18; i++) ids[i] = i < 18 ? i / 2 % 3 : -1;
    set_bytes(inputs, "image_position_ids", ids, sizeof ids);
    assert_status(plumb("run", "--model", temporary_folder(), "--inputs", inputs, "--out", taps), 0);
    assert_status(plumb("grade", "--model", temporary_folder(), "--inputs", inputs, taps), 0);
}
END_TEST

/* ---------------------------------------------------------------- JSON */

static const char *const reporting[][6] = {
    { "grade", E2B, HONEST, "--json", "-" },
    { "grade", E2B, CLIP_OMITTED, "--json", "-" },
    { "compare", HONEST, BIG "/expected.safetensors", "--json", "-" },
    { "inspect", E2B, "--json", "-" },
    { "inspect", HONEST, "--json", "-" },
};

/* stdout holds nothing but JSON, and the same that a file gets, but for the command line. */
START_TEST(json_on_stdout)
{
    Result result = run_plumb(reporting[_i]);
    ck_assert_str_eq(result.err, "");
    json_t *printed = json_loads(result.out, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_msg(printed != NULL, "no JSON on stdout:\n%s", result.out);

    const char *arguments[6] = { 0 }, *path = temporary("report.json");
    for (int i = 0; reporting[_i][i]; i++) arguments[i] = strcmp(reporting[_i][i], "-") == 0 ? path : reporting[_i][i];
    Result again = run_plumb(arguments);
    ck_assert_int_eq(again.status, result.status);
    ck_assert_uint_gt(strlen(again.out), 0);
    json_t *written = read_json(path);
    json_object_del(printed, "command");
    json_object_del(written, "command");
    ck_assert(json_equal(printed, written));
    json_decref(printed);
    json_decref(written);
}
END_TEST

START_TEST(json_of_a_grade)
{
    assert_status(plumb("grade", E2B, CLIP_OMITTED, "--json", temporary("report.json")), 1);
    json_t *report = read_json(temporary("report.json"));
    ck_assert_str_eq(json_string_value(json_object_get(report, "case")), "e2b-vision");
    ck_assert_str_eq(json_string_value(json_object_get(report, "class")), "bf16");
    ck_assert_str_eq(json_string_value(json_object_get(report, "verdict")), "fail");
    const json_t *first = json_array_get(json_object_get(report, "steps"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(first, "tap")), "model.vision_tower#padding_positions");
    ck_assert(json_is_number(json_object_get(first, "total")));
    json_decref(report);
}
END_TEST

START_TEST(names_of_a_backend)
{
    const char *dump = temporary("theirs.safetensors"), *map = temporary("map.json");
    copy_file(HONEST, dump);
    set_field(dump, "model.vision_tower.encoder.layers.1", NULL, "blk.1.out");
    write_text(map, "{\"blk.{}.out\": \"model.vision_tower.encoder.layers.{}\"}");
    assert_says(plumb("grade", E2B, dump), "in the dump, but no tap of this case: blk.1.out\n");
    assert_says(plumb("grade", E2B, dump, "--names", map), "PASS  all 68 steps");
    assert_status(plumb("grade", E2B, dump, "--strict", "--only", "*.layers.1"), 2);
}
END_TEST

static const char *const not_finite[] = { "\xc0\x7f", "\x80\x7f", "\x80\xff" }; /* NaN and infinities in bfloat16 */

START_TEST(not_finite_fails)
{
    const char *dump = temporary("bad.safetensors");
    copy_file(HONEST, dump);
    set_bytes(dump, "model.embed_vision", not_finite[_i], 2);
    Result grade = plumb("grade", E2B, dump), compare = plumb("compare", HONEST, dump);
    assert_status(grade, 1);
    assert_says(grade, "FAIL  1 not finite\n");
    assert_says(grade, "FAIL  first bent step: model.embed_vision (");
    assert_status(compare, 1);
    assert_says(compare, "68 compared, 1 failed");
}
END_TEST

Suite *commands_suite(void)
{
    Suite *suite = suite_create("commands");
    tcase_add_loop_test(theme(suite, "exit status"), command, 0, COUNT(commands));
    TCase *tcase = theme(suite, "run");
    tcase_add_loop_test(tcase, own_output_is_graded, 0, COUNT(precisions));
    tcase_add_test(tcase, weights_are_rounded_too);
    tcase_add_test(tcase, only_some_taps);
    tcase_add_test(tcase, threads_make_no_difference);
    tcase_add_loop_test(tcase, batch, 0, COUNT(batches));
    tcase_add_test(tcase, half_padding_is_a_patch);
    tcase_add_test(tcase, nothing_is_pooled);
    tcase = theme(suite, "grade");
    tcase_add_loop_test(tcase, json_on_stdout, 0, COUNT(reporting));
    tcase_add_test(tcase, json_of_a_grade);
    tcase_add_test(tcase, names_of_a_backend);
    tcase_add_loop_test(tcase, not_finite_fails, 0, COUNT(not_finite));
    return suite;
}
