/* test_grade.c - plumb grade, of text: decode steps, choices, what plumb itself has written; and plumb diagnose */
#include "command.h"

#include "checkpoint/safetensors.h"
#include "dump/dump.h"

#define WHOLE_HONEST WHOLE "/dumps/honest-bf16-eager.safetensors"
#define ALIGNED TEXT "/dumps/aligned-bf16.safetensors"
#define EXPERTS_HONEST EXPERTS "/dumps/honest-bf16-eager.safetensors"

/* A dump's name, the options, the exit status, and a phrase of what is printed. */
static const struct {
    const char *arguments[10];
    int status;
    const char *says;
} grades[] = {
    { { TEXT, TEXT "/expected.safetensors", "--strict" }, 0, "PASS  all " },
    { { WHOLE, WHOLE "/expected.safetensors", "--strict" }, 0, "PASS  all " },
    { { EXPERTS, EXPERTS "/expected.safetensors", "--strict" }, 0, "PASS  all " },
    { { WHOLE, WHOLE_HONEST }, 0, "\nlogits@2 " },
    { { WHOLE, WHOLE_HONEST }, 0, "\ninput_ids@2 " },
    { { WHOLE, WHOLE_HONEST, "--layers" }, 0, "\nmodel.language_model.layers.3@2 " },
    { { WHOLE, WHOLE_HONEST, "--layers" }, 0, "\nmodel.language_model.embed_tokens_per_layer@1 " },
    { { WHOLE, WHOLE_HONEST, "--layers" }, 0, "\ninput_ids@1 " },
    { { WHOLE, WHOLE_HONEST, "--only", "logits@*" }, 0, "PASS  all 2 steps" },
    { { WHOLE, WHOLE_HONEST, "--ignore-eos" }, 0, "PASS" },
    { { TEXT, ALIGNED, "--as", "bf16" }, 1, "\nFAIL  all 8 steps are straight, but their errors add up at logits\n" },
    { { WHOLE, WHOLE_HONEST, "--explain", "*.layers.2.self_attn.q_proj" }, 0, "\n  proven bound model." },
    { { WHOLE, WHOLE_HONEST, "--explain", "lm_head" }, 2, "" },
    { { TEXT, EXPERTS_HONEST }, 2, "" },
};

static Result grade(const char *const *arguments)
{
    const char *all[16] = { "grade" };
    for (int i = 0; arguments[i]; i++) all[i + 1] = arguments[i];
    return run_plumb(all);
}

START_TEST(graded)
{
    Result result = grade(grades[_i].arguments);
    assert_status(result, grades[_i].status);
    ck_assert_msg(strstr(result.out, grades[_i].says) != NULL, "no \"%s\" in:\n%s", grades[_i].says, result.out);
}
END_TEST

/* A file that plumb wrote is a dump without a gap. */
START_TEST(own_generation_is_graded)
{
    static const char *const folders[] = { TEXT, WHOLE, EXPERTS };
    const char *dump = temporary("dump.safetensors");
    assert_status(
        plumb("run", folders[_i], "--precision", "bf16", "--max-new-tokens", "4", "--ignore-eos", "--out", dump), 0);
    assert_status(plumb("grade", folders[_i], dump, "--as", "bf16", "--strict", "--ignore-eos"), 0);
    assert_status(plumb("grade", folders[_i], dump, "--as", "bf16", "--layers", "--ignore-eos"), 0);
    assert_status(plumb("grade", folders[_i], dump, "--as", "fp32", "--ignore-eos"), 1);
}
END_TEST

START_TEST(own_logits_are_graded)
{
    const char *dump = temporary("logits.safetensors");
    assert_status(plumb("generate", TEXT, "--max-new-tokens", "5", "--ignore-eos", "--logits", dump), 0);
    Result result = plumb("grade", TEXT, dump, "--ignore-eos");
    assert_status(result, 0);
    ck_assert_msg(strstr(result.out, "PASS  all 5 steps") != NULL, "%s", result.out);
}
END_TEST

static const struct {
    const char *dump, *array;
    int64_t choice;
    const char *names[4];
} absurd[] = {
    { WHOLE_HONEST,
      "input_ids@2",
      320,
      { "dump.safetensors: input_ids@2: found 320 ", "expected a token from 0 to 319" } },
    { WHOLE_HONEST, "input_ids@1", -1, { "dump.safetensors: input_ids@1: found -1 ", "expected a token" } },
    { EXPERTS_HONEST,
      "model.language_model.layers.1.router#top_k_index",
      8,
      { "layers.1.router#top_k_index: found 8 ", "expected an expert from 0 to 7" } },
};

START_TEST(absurd_choice)
{
    const char *dump = temporary("dump.safetensors");
    copy_file(absurd[_i].dump, dump);
    set_bytes(dump, absurd[_i].array, &absurd[_i].choice, sizeof absurd[_i].choice);
    const char *folder = strstr(absurd[_i].dump, EXPERTS) ? EXPERTS : WHOLE;
    assert_one_line(plumb("grade", folder, dump), absurd[_i].names);
}
END_TEST

/* Another expert than any noise could choose is bent there, whatever follows. */
START_TEST(wrong_choice)
{
    static const char *const tap = "model.language_model.layers.1.router#top_k_index";
    const char *dump = temporary("dump.safetensors");
    copy_file(EXPERTS_HONEST, dump);
    const int64_t same[] = { 0, 0, 0 };
    set_bytes(dump, tap, same, sizeof same);
    Result result = plumb("grade", EXPERTS, dump);
    assert_status(result, 1);
    ck_assert_msg(strstr(result.out, "FAIL  first bent step: model.language_model.layers.1.router#top_k_index (") !=
                      NULL,
                  "%s", result.out);
}
END_TEST

/* ---------------------------------------------------------------- what a grade says besides */

START_TEST(class_is_checked)
{
    const char *dump = temporary("dump.safetensors"), *json = temporary("report.json");
    assert_status(plumb("run", TEXT, "--precision", "tf32", "--out", dump), 0);
    Result result = plumb("grade", TEXT, dump, "--as", "fp32", "--json", json, "--explain", "*.layers.0.mlp.up_proj");
    assert_status(result, 1);
    ck_assert_msg(strstr(result.out, "declared fp32; its products are those of tf32") != NULL, "%s", result.out);
    ck_assert_msg(strstr(result.out, " elements violate it; ") != NULL, "%s", result.out);
    json_t *report = read_json(json);
    ck_assert_str_eq(json_string_value(json_object_get(report, "fits")), "tf32");
    ck_assert_str_eq(json_string_value(json_object_get(report, "verdict")), "fail");
    ck_assert_uint_eq(json_array_size(json_object_get(report, "explained")), 1);
    json_decref(report);

    result = plumb("grade", TEXT, dump, "--as", "tf32", "--json", json);
    assert_status(result, 0);
    report = read_json(json);
    ck_assert_str_eq(json_string_value(json_object_get(report, "fits")), "tf32");
    ck_assert_ptr_null(json_object_get(report, "explained"));
    json_decref(report);
}
END_TEST

/* All arrays of one dump, and under names that are no taps those of another */
static void write_together(const char *path, const char *taps, const char *others)
{
    Error error = { "" };
    SafetensorsWriter *writer = safetensors_writer_open(path, &error);
    for (int part = 0; part < 2; part++) {
        Dump *dump = dump_open(part ? others : taps, &error);
        for (int i = 0; i < dump_count(dump); i++) {
            const Array *array = dump_array(dump, i);
            const char *name = arena_format(&scratch, "%s%s", part ? "debug." : "", array->name);
            if (!part && i >= 8) break;
            safetensors_writer_begin(writer, name, array->dtype, array->rank, array->shape);
            safetensors_writer_append(writer, array->data, (size_t)array_elements(array) * dtype_size(array->dtype));
        }
        dump_close(dump);
    }
    safetensors_writer_close(writer, &error);
    assert_clean(&error);
}

/* Arrays that are no taps do not say what class the others are of. */
START_TEST(unknown_arrays_change_no_class)
{
    const char *dump = temporary("together.safetensors");
    write_together(dump, TEXT "/expected.safetensors", TEXT "/dumps/honest-bf16-eager.safetensors");
    Result result = plumb("grade", TEXT, dump, "--partial");
    assert_status(result, 0);
    ck_assert_msg(strstr(result.out, "straight as fp32") != NULL, "%s", result.out);
    result = plumb("diagnose", TEXT, dump);
    ck_assert_msg(strstr(result.out, "diagnosed as fp32") != NULL, "%s", result.out);
}
END_TEST

/* A dump of the last position alone passes, and says so; --strict does not take it for a whole one. */
START_TEST(part_of_the_rows)
{
    const char *path = temporary("part.safetensors");
    Error error = { "" };
    Dump *whole = dump_open(TEXT "/expected.safetensors", &error);
    const Array *tap = dump_find(whole, "model.layers.0");
    ck_assert_int_eq(tap->rank, 3);
    size_t position = (size_t)tap->shape[2] * dtype_size(tap->dtype);
    SafetensorsWriter *writer = safetensors_writer_open(path, &error);
    safetensors_writer_begin(writer, tap->name, tap->dtype, 3, (const int64_t[]){ tap->shape[0], 1, tap->shape[2] });
    for (int64_t row = 1; row <= tap->shape[0]; row++)
        safetensors_writer_append(writer, tap->data + (size_t)(row * tap->shape[1] - 1) * position, position);
    safetensors_writer_close(writer, &error);
    dump_close(whole);
    assert_clean(&error);

    Result result = plumb("grade", TEXT, path);
    assert_status(result, 0);
    ck_assert_msg(strstr(result.out, "  pass  2 of 24 rows\n") != NULL, "%s", result.out);
    ck_assert_msg(strstr(result.out, ", 1 of them in part (fewest: 2 of 24 rows)\n") != NULL, "%s", result.out);
    result = plumb("grade", TEXT, path, "--strict");
    assert_status(result, 1);
    ck_assert_msg(strstr(result.out, ", 1 taps of fewer rows than were computed\n") != NULL, "%s", result.out);
    result = plumb("diagnose", TEXT, path);
    ck_assert_msg(strstr(result.out, ", 1 of them in part (fewest: 2 of 24 rows)\n") != NULL, "%s", result.out);
}
END_TEST

/* Where nothing is explained, nothing is graded either, and the report says why. */
START_TEST(unknown_step_is_not_explained)
{
    const char *json = temporary("report.json");
    Result result = plumb("grade", WHOLE, WHOLE_HONEST, "--json", json, "--explain", "layers.0");
    assert_one_line(result, (const char *const[]){ "--explain: found layers.0, which is no tap of this case", NULL });
    ck_assert_str_eq(result.out, "");
    json_t *report = read_json(json);
    ck_assert_str_eq(json_string_value(json_object_get(report, "outcome")), "error");
    ck_assert_ptr_null(json_object_get(report, "steps"));
    json_decref(report);
}
END_TEST

/* ---------------------------------------------------------------- plumb diagnose */

START_TEST(errors_that_add_up)
{
    const char *json = temporary("report.json");
    Result result = plumb("diagnose", TEXT, ALIGNED, "--as", "bf16", "--json", json);
    assert_status(result, 1);
    ck_assert_msg(strstr(result.out, "\nFAIL  all 8 steps are straight, but their errors add up at logits\n") != NULL,
                  "%s", result.out);
    json_t *report = read_json(json), *end = json_array_get(json_object_get(report, "ends"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(report, "verdict")), "fail");
    ck_assert(json_is_null(json_object_get(report, "first_bent")) && json_is_null(json_object_get(report, "named")));
    ck_assert_str_eq(json_string_value(json_object_get(report, "first_far")), "logits");
    ck_assert_double_gt(json_number_value(json_object_get(end, "ratio")), 10);
    ck_assert_int_eq(json_integer_value(json_object_get(end, "replays")), 64);
    json_decref(report);
}
END_TEST

static const struct {
    const char *folder, *dump;
    int status;
    const char *named, *says;
} diagnoses[] = {
    { TEXT, "buggy-window-off-by-one-bf16", 1, "window-off-by-one",
      "\nmatches known bug window-off-by-one, in layer 2 only\n" },
    { "fixtures/31b", "buggy-kv-tied-after-norm-bf16", 1, "kv-tied-after-norm",
      "\nmatches known bug kv-tied-after-norm\n" },
    { TEXT, "honest-bf16-eager", 0, NULL, "\nnone of the " },
};

/* From run to run a report is the same to the byte, but for the command line. */
START_TEST(diagnosed)
{
    const char *dump = arena_format(&scratch, "%s/dumps/%s.safetensors", diagnoses[_i].folder, diagnoses[_i].dump);
    const char *json = temporary("report.json");
    Result first = plumb("diagnose", diagnoses[_i].folder, dump, "--json", json);
    const char *text = read_text(json, NULL);
    Result second = plumb("diagnose", diagnoses[_i].folder, dump, "--json", json);
    assert_status(first, diagnoses[_i].status);
    ck_assert_msg(strstr(first.out, diagnoses[_i].says) != NULL, "%s", first.out);
    ck_assert_str_eq(first.out, second.out);
    ck_assert_str_eq(text, read_text(json, NULL));
    ck_assert_str_eq(first.out, plumb("diagnose", diagnoses[_i].folder, dump, "--quiet").out);

    json_t *report = read_json(json), *named = json_object_get(report, "named");
    if (diagnoses[_i].named)
        ck_assert_str_eq(json_string_value(named), diagnoses[_i].named);
    else
        ck_assert(json_is_null(named));
    ck_assert(json_is_array(json_object_get(report, "not_exposed")) && json_object_get(report, "pattern"));
    size_t i;
    json_t *candidate;
    static const char *const numbers[] = { "explained", "z", "coefficient", "steps" };
    json_array_foreach(json_object_get(report, "candidates"), i, candidate)
    {
        ck_assert(json_is_string(json_object_get(candidate, "id")));
        for (int j = 0; j < COUNT(numbers); j++) ck_assert(json_is_number(json_object_get(candidate, numbers[j])));
    }
    ck_assert_uint_gt(i, 0);
    json_decref(report);
}
END_TEST

Suite *grade_suite(void)
{
    Suite *suite = suite_create("grade");
    TCase *tcase = theme(suite, "text");
    tcase_add_loop_test(tcase, graded, 0, COUNT(grades));
    tcase_add_loop_test(tcase, own_generation_is_graded, 0, 3);
    tcase_add_test(tcase, own_logits_are_graded);
    tcase_add_loop_test(tcase, absurd_choice, 0, COUNT(absurd));
    tcase_add_test(tcase, wrong_choice);
    tcase = theme(suite, "besides");
    tcase_add_test(tcase, class_is_checked);
    tcase_add_test(tcase, unknown_arrays_change_no_class);
    tcase_add_test(tcase, part_of_the_rows);
    tcase_add_test(tcase, unknown_step_is_not_explained);
    tcase = theme(suite, "diagnose");
    tcase_add_test(tcase, errors_that_add_up);
    tcase_add_loop_test(tcase, diagnosed, 0, COUNT(diagnoses));
    return suite;
}
