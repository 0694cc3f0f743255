/* test_bad_input.c - exit status 2, one line that says what is wrong, and no file left */
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"

#define MODEL "case/model/model.safetensors"
#define CONFIG "case/model/config.json"
#define INPUTS "case/inputs.safetensors"
#define K_PROJ "model.vision_tower.encoder.layers.0.self_attn.k_proj.linear.weight"
#define Q_PROJ "model.vision_tower.encoder.layers.0.self_attn.q_proj.linear.weight"

/* ---------------------------------------------------------------- model and inputs */

static void truncated(void) { ck_assert_int_eq(truncate(temporary(MODEL), 400000), 0); }
static void unknown_dtype(void) { set_field(temporary(MODEL), K_PROJ, "dtype", "\"F8_E5M2\""); }
static void overlapping(void) { set_field(temporary(MODEL), K_PROJ, "data_offsets", "[0, 32768]"); }
static void past_the_end(void) { set_field(temporary(MODEL), K_PROJ, "data_offsets", "[1000000000, 1000032768]"); }
static void missing_tensor(void) { set_field(temporary(MODEL), K_PROJ, NULL, "another"); }
static void misshapen(void) { set_field(temporary(MODEL), K_PROJ, "shape", "[64, 256]"); }
static void nan_weight(void) { set_bytes(temporary(MODEL), K_PROJ, "\xc0\x7f", 2); }
static void missing_input(void) { set_field(temporary(INPUTS), "pixel_values", NULL, "pixels"); }
static void no_model(void) { unlink(temporary(MODEL)); }
static void no_inputs(void) { unlink(temporary(INPUTS)); }
static void broken_config(void) { write_text(temporary(CONFIG), "{"); }

static void long_header(void)
{
    char *bytes = read_text(temporary(MODEL), NULL);
    const uint64_t length = 1 << 30;
    memcpy(bytes, &length, sizeof length);
    write_bytes(temporary(MODEL), bytes, 100000);
}

static void missing_shard(void)
{
    unlink(temporary(MODEL));
    write_text(temporary(MODEL ".index.json"),
               "{\"weight_map\": {\"" K_PROJ "\": \"model-00001-of-00002.safetensors\"}}");
}

static void position_beyond_the_table(void)
{
    set_bytes(temporary(INPUTS), "image_position_ids", &(int64_t){ 32 }, sizeof(int64_t));
}

static void unknown_model_type(void)
{
    write_edited_json(E2B "/model/config.json", temporary(CONFIG), "model_type", "\"gemma9\"");
}

static void missing_key(void)
{
    write_edited_json(E2B "/model/config.json", temporary(CONFIG), "vision_config.patch_size", NULL);
}

static void patches_do_not_pool(void)
{
    write_edited_json(E2B "/model/config.json", temporary(CONFIG), "vision_config.pooling_kernel_size", "4");
}

static const struct {
    void (*bend)(void);
    const char *names[4];
} bent_cases[] = {
    { truncated, { MODEL, ": model.vision_tower.", "data_offsets" } },
    { long_header, { MODEL, "header", "1073741824" } },
    { overlapping, { MODEL, "data_offsets", "overlap" } },
    { past_the_end, { MODEL, K_PROJ, "[1000000000, 1000032768]" } },
    { unknown_dtype, { MODEL, K_PROJ, "F8_E5M2" } },
    { missing_shard, { MODEL ".index.json", "model-00001-of-00002.safetensors", K_PROJ } },
    { missing_tensor, { MODEL, K_PROJ, "no such tensor, expected [128, 128]" } },
    { misshapen, { MODEL, K_PROJ, "[64, 256], expected [128, 128]" } },
    { nan_weight, { MODEL, K_PROJ, "NaN" } },
    { no_model, { "case/model", "model.safetensors" } },
    { unknown_model_type, { CONFIG, "model_type", "gemma9, expected gemma4" } },
    { missing_key, { CONFIG, "vision_config.patch_size", "no such key" } },
    { broken_config, { CONFIG, "invalid JSON" } },
    { missing_input, { INPUTS, "found neither input_ids nor pixel_values nor input_features, expected one of them" } },
    { position_beyond_the_table, { INPUTS, "image_position_ids", "position 32 at patch 0" } },
    { patches_do_not_pool, { INPUTS, "pixel_values", "18 patches, expected a multiple of 16" } },
};

START_TEST(bent_case)
{
    const char *folder = copied_case(E2B), *out = temporary("taps.safetensors");
    bent_cases[_i].bend();
    assert_one_line(plumb("run", folder, "--out", out), bent_cases[_i].names);
    assert_one_line(plumb("grade", folder, HONEST, "--json", out), bent_cases[_i].names);
    ck_assert_msg(remove(out) == 0, "no report says the error");
    ck_assert_msg(files_in(temporary_folder()) == 1, "a file was left behind");
}
END_TEST

START_TEST(no_inputs_file)
{
    const char *folder = copied_case(E2B);
    no_inputs();
    Result result = plumb("run", folder);
    assert_status(result, 2);
    ck_assert_ptr_nonnull(strstr(result.err, INPUTS ": found no readable file (No such file"));
}
END_TEST

/* ---------------------------------------------------------------- arguments */

static const struct {
    const char *arguments[8], *names[4];
} refused[] = {
    { { "grade", E2B, HONEST, "--only", "model.absent" }, { "--only: found model.absent, which matches none" } },
    { { "explain-model", E2B, "--only", "model.absent" }, { "--only", "no tap of such a name", "--list" } },
    { { "grade", BIG, HONEST },
      { "honest-bf16-eager.safetensors", "#padding_positions", "[2, 18], expected [1, 45]" } },
    { { "grade", E2B, E2B }, { E2B ": found a case, expected a dump" } },
    { { "grade", E2B, HONEST, "--names", E2B "/absent.json" }, { "absent.json" } },
    { { "run", E2B, "--only", "model.absent" }, { "--only" } },
    { { "run", "--inputs", E2B "/inputs.safetensors" }, { "CASE" } },
    { { "grade" }, { "DUMP" } },
    { { "grade", E2B }, { "found 1 arguments, expected CASE DUMP" } },
    { { "run" }, { "CASE" } },
    { { "generate", "--max-new-tokens", "3" }, { "CASE" } },
    { { "generate", E2B, "--max-new-tokens", "3" },
      { "inputs.safetensors: input_ids: found no such input, expected a" } },
    { { "run", E2B, "--max-new-tokens", "3" }, { "inputs.safetensors: input_ids: found no such input, expected a" } },
    { { "walk", E2B }, { "walk", "generate" } },
    { { "bugs", "no-such-bug" }, { "no-such-bug: found no such bug", "plumb bugs" } },
    { { "bugs", "--case", E2B "/absent" }, { E2B "/absent" } },
    { { "bugs", "--case", E2B, "--max-new-tokens", "2" },
      { "inputs.safetensors: input_ids: found no such input, expected a" } },
    { { "inspect", E2B "/absent" }, { E2B "/absent" } },
    { { "inspect", E2B "/case.json" }, { "case.json: found text" } },
    { { "inspect", E2B, "--weights", E2B "/absent.gguf" }, { "absent.gguf" } },
    { { "run", E2B, "--weights", E2B "/case.json" }, { "case.json", "header" } },
    { { "run", E2B, "--weights", E2B "/inputs.safetensors" },
      { "inputs.safetensors: vision_tower.patch_embedder.input_proj.weight: found no such tensor" } },
    { { "compare", HONEST, E2B "/case.json" }, { "case.json: found text" } },
};

START_TEST(refused_arguments) { assert_one_line(run_plumb(refused[_i].arguments), refused[_i].names); }
END_TEST

/* Bad usage: argp adds where help is. */
static const struct {
    const char *arguments[8], *says;
} misused[] = {
    { { "run", E2B, "--bogus" }, "plumb run: unrecognized option '--bogus'" },
    { { "run", E2B, "--threads", "0" }, "plumb run: --threads: found 0, expected a whole number from 1 to 1024" },
    { { "run", E2B, "--threads", "two" }, "plumb run: --threads: found two, expected" },
    { { "run", E2B, "--threads", "-1" }, "plumb run: --threads: found -1, expected" },
    { { "run", E2B, "--threads", "2x" }, "plumb run: --threads: found 2x, expected" },
    { { "run", E2B, "--precision", "fp8" }, "plumb run: --precision: found fp8, expected" },
    { { "run", E2B, "--bug", "no-such-bug" }, "plumb run: --bug: found no-such-bug, expected an id" },
    { { "bugs", "pool-sum", "pool-scale-missing" }, "Usage: plumb bugs" },
    { { "run", E2B, "--out" }, "plumb run: option '--out' requires an argument" },
    { { "run", E2B, BIG }, "Usage: plumb run" },
    { { "run", TEXT, "--max-new-tokens", "0" },
      "plumb run: --max-new-tokens: found 0, expected a whole number from 1 to 1048576" },
    { { "run", TEXT, "--max-new-tokens", "3 " }, "plumb run: --max-new-tokens: found 3 , expected a whole number" },
    { { "generate", TEXT }, "plumb generate: found no --max-new-tokens, expected it" },
    { { "generate", TEXT, "--max-new-tokens", "" }, "plumb generate: --max-new-tokens: found , expected a whole" },
    { { "generate", TEXT, "--max-new-tokens", "-4" }, "plumb generate: --max-new-tokens: found -4, expected a whole" },
    { { "generate", TEXT, "--max-new-tokens", "1.5" }, "plumb generate: --max-new-tokens: found 1.5, expected" },
    { { "generate", TEXT, "--max-new-tokens", "1048577" },
      "plumb generate: --max-new-tokens: found 1048577, expected a whole number from 1 to 1048576" },
    { { "generate", TEXT, "--max-new-tokens" }, "plumb generate: option '--max-new-tokens' requires an argument" },
    { { "generate", TEXT, WHOLE, "--max-new-tokens", "3" }, "Usage: plumb generate" },
    { { "grade", E2B, HONEST, "--as", "fp64" },
      "plumb grade: --as: found fp64, expected one of fp32, tf32, fp16 or bf16" },
    { { "grade", E2B, HONEST, "--samples", "0" },
      "plumb grade: --samples: found 0, expected a whole number from 1 to 1024" },
    { { "grade", E2B, HONEST, "--samples", "few" }, "plumb grade: --samples: found few, expected a whole number" },
    { { "grade", E2B, HONEST, HONEST }, "plumb grade: found a third argument, " HONEST ", expected CASE DUMP" },
    { { "compare", HONEST }, "Usage: plumb compare" },
    { { "compare", HONEST, HONEST, "--limit", "-1" }, "plumb compare: --limit: found -1, expected a number" },
    { { "compare", HONEST, HONEST, "--limit", "nan" }, "plumb compare: --limit: found nan, expected a number" },
    { { "inspect" }, "Usage: plumb inspect" },
};

START_TEST(misused_option)
{
    Result result = run_plumb(misused[_i].arguments);
    assert_status(result, 2);
    ck_assert_str_eq(result.out, "");
    ck_assert_msg(strncmp(result.err, misused[_i].says, strlen(misused[_i].says)) == 0,
                  "\"%s\" does not begin with \"%s\"", result.err, misused[_i].says);
    ck_assert_ptr_nonnull(strstr(result.err, "\nTry `plumb "));
}
END_TEST

/* ---------------------------------------------------------------- output */

static const char *const writing[][7] = {
    { "run", E2B, "--out", "absent/out" },
    { "generate", TEXT, "--max-new-tokens", "2", "--logits", "absent/out" },
    { "grade", E2B, HONEST, "--json", "absent/out" },
    { "compare", HONEST, HONEST, "--json", "absent/out" },
    { "inspect", E2B, "--json", "absent/out" },
};

START_TEST(output_folder_is_not_there)
{
    const char *arguments[7] = { 0 };
    for (int i = 0; writing[_i][i]; i++)
        arguments[i] = strcmp(writing[_i][i], "absent/out") == 0 ? temporary("absent/out") : writing[_i][i];
    Result result = run_plumb(arguments);
    assert_status(result, 2);
    ck_assert_str_eq(result.err, arena_format(&scratch, "plumb: %s: cannot be written: No such file or directory\n",
                                              temporary("absent/out")));
    ck_assert_int_eq(files_in(temporary_folder()), 0);
}
END_TEST

START_TEST(no_file_without_taps)
{
    assert_status(plumb("run", E2B, "--only", "model.absent", "--out", temporary("taps.safetensors")), 2);
    ck_assert_int_eq(files_in(temporary_folder()), 0);
}
END_TEST

START_TEST(disk_is_full)
{
    Result result = plumb("run", TEXT, "--quiet", "--only", "logits", "--out", "/dev/full");
    assert_status(result, 2);
    ck_assert_str_eq(result.err, "plumb: /dev/full: cannot be written: No space left on device\n");
    result = plumb("inspect", TEXT, "--json", "/dev/full");
    assert_status(result, 2);
    ck_assert_str_eq(result.err, "plumb: /dev/full: cannot be written: No space left on device\n");
    const char *program = plumb_path;
    plumb_path = arena_format(&scratch, "%s/full-stdout.sh", temporary_folder());
    const char *script = "#!/bin/sh\nexec \"$@\" >/dev/full\n";
    write_bytes(plumb_path, script, strlen(script));
    ck_assert_int_eq(chmod(plumb_path, 0700), 0);
    result = plumb(program, "bugs");
    plumb_path = program;
    assert_status(result, 2);
    ck_assert_ptr_nonnull(strstr(result.err, "plumb: stdout: cannot be written: "));
}
END_TEST

START_TEST(no_command)
{
    Result result = plumb(NULL);
    assert_status(result, 2);
    ck_assert_str_eq(result.out, "");
    ck_assert_ptr_nonnull(strstr(result.err, "Usage: plumb COMMAND"));
}
END_TEST

Suite *bad_input_suite(void)
{
    Suite *suite = suite_create("bad_input");
    TCase *tcase = theme(suite, "case");
    tcase_add_loop_test(tcase, bent_case, 0, COUNT(bent_cases));
    tcase_add_test(tcase, no_inputs_file);
    tcase = theme(suite, "arguments");
    tcase_add_loop_test(tcase, refused_arguments, 0, COUNT(refused));
    tcase_add_loop_test(tcase, misused_option, 0, COUNT(misused));
    tcase_add_test(tcase, no_command);
    tcase = theme(suite, "output");
    tcase_add_loop_test(tcase, output_folder_is_not_there, 0, COUNT(writing));
    tcase_add_test(tcase, no_file_without_taps);
    tcase_add_test(tcase, disk_is_full);
    return suite;
}
