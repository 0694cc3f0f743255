/* test_report_file.c - --json: whatever the exit status is, the report follows docs/report.schema.json */
#include "command.h"
#include "schema.h"

#define BENT TEXT "/dumps/buggy-window-off-by-one-bf16.safetensors"
#define STRAIGHT TEXT "/dumps/honest-bf16-eager.safetensors"

static const struct {
    const char *arguments[8];
    int status;
    const char *outcome;
} commands[] = {
    { { "grade", TEXT, STRAIGHT }, 0, "pass" },
    { { "grade", TEXT, STRAIGHT, "--json-detail", "--explain", "logits" }, 0, "pass" },
    { { "grade", TEXT, BENT }, 1, "fail" },
    { { "grade", TEXT, BENT, "--json-detail", "--only", "*.layers.1" }, 0, "pass" },
    { { "grade", WHOLE, WHOLE "/dumps/honest-bf16-eager.safetensors", "--layers" }, 0, "pass" },
    { { "diagnose", TEXT, BENT }, 1, "fail" },
    { { "diagnose", TEXT, BENT, "--json-detail" }, 1, "fail" },
    { { "diagnose", TEXT, STRAIGHT }, 0, "pass" },
    { { "grade", TEXT, "README.md" }, 2, "error" },
    { { "diagnose", "fixtures/none", STRAIGHT }, 2, "error" },
    { { "grade" }, 2, "error" },
};

static Result with_json(int i, const char *path)
{
    const char *all[16] = { NULL };
    int count = 0;
    while (commands[i].arguments[count]) {
        all[count] = commands[i].arguments[count];
        count++;
    }
    all[count] = "--json";
    all[count + 1] = path;
    return run_plumb(all);
}

static void check_report(json_t *report, int i, const char *printed)
{
    json_t *schema = read_json("docs/report.schema.json");
    assert_follows_schema(schema, report);
    ck_assert_str_eq(json_string_value(json_object_get(report, "outcome")), commands[i].outcome);
    ck_assert_int_eq(json_integer_value(json_object_get(report, "exit_status")), commands[i].status);
    const char *error = json_string_value(json_object_get(report, "error"));
    ck_assert((commands[i].status == 2) == (error != NULL));
    if (error) ck_assert_str_eq(arena_format(&scratch, "plumb: %s\n", error), printed);
    if (!error) ck_assert_uint_gt(json_array_size(json_object_get(report, "steps")), 0);
    const char *folder = commands[i].arguments[1];
    bool has_processor = folder && strcmp(folder, WHOLE) == 0; /* a file more than of a text-only case */
    if (!error) ck_assert_uint_eq(json_array_size(json_object_get(report, "files")), has_processor ? 8 : 7);
    json_decref(schema);
}

START_TEST(follows_the_schema)
{
    const char *path = temporary("report.json");
    Result result = with_json(_i, path);
    assert_status(result, commands[_i].status);
    json_t *report = read_json(path);
    check_report(report, _i, result.err);
    json_decref(report);
}
END_TEST

/* With --json - nothing but the report is on stdout. */
START_TEST(stdout_is_json)
{
    Result result = with_json(_i, "-");
    assert_status(result, commands[_i].status);
    json_t *report = json_loads(result.out, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_msg(report != NULL, "stdout is no valid JSON: %s", result.out);
    check_report(report, _i, result.err);
    json_decref(report);
}
END_TEST

/* A report says as --version does which kernel has computed it. */
START_TEST(kernel_is_told)
{
    Result result = plumb("grade", TEXT, STRAIGHT, "--only", "*.layers.1", "--json", "-"), version = plumb("--version");
    json_t *report = json_loads(result.out, 0, NULL);
    const json_t *program = json_object_get(report, "program");
    const char *kernel = json_string_value(json_object_get(program, "kernel"));
    const char *says[] = {
        arena_format(&scratch, "\nproducts: %s, kernel %s", json_string_value(json_object_get(program, "products")),
                     kernel ? kernel : "fixed"),
        arena_format(&scratch, "\nloops beside them: %s\n", json_string_value(json_object_get(program, "vectors"))),
    };
    for (int i = 0; i < 2; i++) ck_assert_msg(strstr(version.out, says[i]), "no \"%s\" in: %s", says[i], version.out);
    json_decref(report);
}
END_TEST

/* A grade that --strict does not let pass says why, on a line and in the report, and stdout stays JSON. */
START_TEST(strictness_is_told)
{
    Result result = plumb("grade", TEXT, STRAIGHT, "--only", "*.layers.1", "--only", "model.rotary_emb*", "--strict",
                          "--json", "-");
    assert_status(result, 1);
    json_t *report = json_loads(result.out, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_ptr_nonnull(report);
    ck_assert_str_eq(json_string_value(json_object_get(report, "verdict")), "pass");
    ck_assert_str_eq(json_string_value(json_object_get(report, "outcome")), "fail");
    ck_assert(strstr(json_string_value(json_object_get(report, "strict_failure")), " taps missing") != NULL);
    size_t i, left_out = 0;
    json_t *absence;
    json_array_foreach(json_object_get(report, "not_graded"), i, absence)
        left_out += strcmp(json_string_value(json_object_get(absence, "because")), "left out") == 0;
    ck_assert_uint_gt(left_out, 0);
    json_decref(report);
}
END_TEST

/* Ratios of rows and channels are those that the worst ones are picked from. */
START_TEST(detail_holds_the_worst)
{
    const char *path = temporary("report.json");
    assert_status(plumb("grade", TEXT, BENT, "--json-detail", "--json", path), 1);
    json_t *report = read_json(path), *step;
    size_t i;
    int seen = 0;
    json_array_foreach(json_object_get(report, "steps"), i, step)
    {
        const json_t *channels = json_object_get(json_object_get(step, "detail"), "channels");
        if (!channels) continue;
        double told = json_number_value(json_object_get(step, "worst_channel_ratio"));
        size_t place = (size_t)json_integer_value(json_object_get(step, "worst_channel"));
        double worst = json_number_value(json_array_get(channels, place));
        ck_assert_msg(fabs(worst - told) <= 1e-3 * told, "%g is told, channel %zu has %g", told, place, worst);
        seen++;
    }
    ck_assert_int_gt(seen, 5);
    json_decref(report);
}
END_TEST

/* Words that argp does not take end the program in argp; the report is written all the same. */
static const struct {
    const char *arguments[8], *error;
} unusable[] = {
    { { "grade", TEXT, STRAIGHT, "--zzzzzzzzzz" }, "unrecognized option '--zzzzzzzzzz'" },
    { { "diagnose", TEXT, STRAIGHT, "--strcit" }, "--strcit: found no such option" },
    { { "grade", TEXT, STRAIGHT, "--as", "fp17" }, "--as: found fp17, expected one of" },
    { { "grade", TEXT, STRAIGHT, "again" }, "found a third argument, again, expected CASE DUMP" },
};

START_TEST(bad_usage_is_reported)
{
    const char *arguments[12] = { NULL }, *path = temporary("usage.json");
    int count = 0;
    for (; unusable[_i].arguments[count]; count++) arguments[count] = unusable[_i].arguments[count];
    Result plain = run_plumb(arguments);
    arguments[count] = arena_format(&scratch, "--json=%s", path);
    Result result = run_plumb(arguments);
    assert_status(result, 2);
    ck_assert_str_eq(result.err, plain.err);
    json_t *report = read_json(path), *schema = read_json("docs/report.schema.json");
    assert_follows_schema(schema, report);
    ck_assert_str_eq(json_string_value(json_object_get(report, "outcome")), "error");
    ck_assert_ptr_nonnull(strstr(json_string_value(json_object_get(report, "error")), unusable[_i].error));
    json_decref(report);
    json_decref(schema);
    arguments[count] = "--json=-";
    ck_assert_str_ne(run_plumb(arguments).out, "");
}
END_TEST

/* Nobody knows which words were meant as inputs; and help is no error. */
START_TEST(bad_usage_overwrites_no_input)
{
    const char *dump = temporary("dump.safetensors");
    copy_file(STRAIGHT, dump);
    assert_status(plumb("grade", TEXT, dump, "--zzzzzzzzzz", "--json", dump), 2);
    size_t size, before;
    read_text(dump, &size);
    read_text(STRAIGHT, &before);
    ck_assert_uint_eq(size, before);
    assert_status(plumb("grade", "--help", "--json", temporary("help.json")), 0);
    ck_assert(!is_there(temporary("help.json")));
}
END_TEST

static json_t *detailed_report(const char *folder, const char *dump)
{
    const char *path = temporary("detail.json");
    plumb("grade", folder, dump, "--json-detail", "--json", path);
    return read_json(path);
}

static const json_t *detail_of(const json_t *report, const char *tap)
{
    size_t i;
    const json_t *step;
    json_array_foreach(json_object_get(report, "steps"), i,
                       step) if (strcmp(json_string_value(json_object_get(step, "tap")), tap) ==
                                 0) return json_object_get(step, "detail");
    ck_abort_msg("found no step %s", tap);
}

/* A diagnosis has the same details as a grade. */
START_TEST(detail_of_a_diagnosis)
{
    const char *path = temporary("diagnosis.json");
    assert_status(plumb("diagnose", TEXT, BENT, "--json-detail", "--json", path), 1);
    json_t *diagnosis = read_json(path), *grade = detailed_report(TEXT, BENT);
    const char *tap = "model.layers.2.self_attn#attn_weights";
    ck_assert(json_equal((json_t *)detail_of(diagnosis, tap), (json_t *)detail_of(grade, tap)));
    ck_assert(json_equal(json_object_get(diagnosis, "prompt"), json_object_get(grade, "prompt")));
    json_decref(diagnosis);
    json_decref(grade);
}
END_TEST

/* W is 6 here, and the dump's layer sees one key more: the first of those that it may not see. */
START_TEST(detail_says_who_looks_at_whom)
{
    json_t *report = detailed_report(TEXT, BENT);
    const json_t *looks = json_object_get(detail_of(report, "model.layers.2.self_attn#attn_weights"), "looks");
    const json_t *first = json_array_get(looks, 0), *padded = json_array_get(looks, 1);
    ck_assert_str_eq(json_string_value(json_array_get(first, 0)), "#.11");
    ck_assert_str_eq(json_string_value(json_array_get(first, 5)), "#6.6");
    ck_assert_str_eq(json_string_value(json_array_get(first, 6)), "+#6.5");
    ck_assert_str_eq(json_string_value(json_array_get(first, 11)), ".5+#6");
    ck_assert_str_eq(json_string_value(json_array_get(padded, 0)), " 12");
    ck_assert(json_is_null(json_object_get(detail_of(report, "model.layers.2"), "looks")));
    json_decref(report);
}
END_TEST

/* Rows of a query's heads lie by head: the layout says so, and the prompt's tokens and kinds stand beside it. */
START_TEST(detail_says_what_rows_are_of)
{
    json_t *report = detailed_report(WHOLE, WHOLE "/dumps/honest-bf16-eager.safetensors");
    const json_t *layout = json_object_get(detail_of(report, "model.vision_tower.encoder.layers.0"), "layout");
    ck_assert_str_eq(json_string_value(json_object_get(layout, "of")), "patch");
    ck_assert_int_eq(json_integer_value(json_object_get(layout, "positions")), 18);
    const json_t *prompt = json_object_get(report, "prompt"), *types = json_object_get(prompt, "types");
    ck_assert_uint_eq(json_array_size(json_array_get(json_object_get(prompt, "ids"), 0)), 15);
    ck_assert_int_eq(json_integer_value(json_array_get(json_array_get(types, 0), 5)), 1);
    const json_t *picture = json_array_get(json_object_get(report, "pictures"), 0);
    ck_assert_int_eq(json_integer_value(json_object_get(picture, "pooled")), 3);
    ck_assert_ptr_nonnull(strstr(json_string_value(json_object_get(picture, "png")), "iVBORw0KGgo"));
    const json_t *step = json_array_get(json_object_get(report, "steps"), 0);
    ck_assert_ptr_nonnull(json_string_value(json_object_get(json_object_get(step, "meaning"), "phrase")));
    json_decref(report);
}
END_TEST

/* A step's elements and those of an honest replay are counted alike. */
START_TEST(detail_has_honest_elements)
{
    json_t *report = detailed_report(TEXT, BENT);
    const json_t *elements = json_object_get(detail_of(report, "model.layers.2.self_attn#attn_weights"), "elements");
    size_t bins = json_array_size(json_object_get(elements, "counts"));
    json_int_t found = 0, honest = 0, found_outside = 0, honest_outside = 0;
    for (size_t i = 0; i < bins; i++) {
        json_int_t count = json_integer_value(json_array_get(json_object_get(elements, "counts"), i));
        json_int_t right = json_integer_value(json_array_get(json_object_get(elements, "honest"), i));
        found += count;
        honest += right;
        found_outside += i == 0 || i == bins - 1 ? count : 0;
        honest_outside += i == 0 || i == bins - 1 ? right : 0;
    }
    ck_assert_int_eq(found, honest);
    ck_assert_int_gt(found_outside, 0);
    ck_assert_int_eq(honest_outside, 0);
    json_decref(report);
}
END_TEST

/* It is noticed before the work: the case, which is missing too, has not been looked at. */
START_TEST(unwritable_report)
{
    assert_status(plumb("grade", "fixtures/none", STRAIGHT, "--json", "fixtures/none/report.json"), 2);
    Result result = plumb("grade", "fixtures/none", STRAIGHT, "--json", "fixtures/none/report.json");
    ck_assert_str_eq(result.err, "plumb: fixtures/none/report.json: cannot be written: No such file or directory\n");
    ck_assert_str_eq(result.out, "");
}
END_TEST

Suite *report_file_suite(void)
{
    Suite *suite = suite_create("report_file");
    TCase *tcase = theme(suite, "schema");
    tcase_add_loop_test(tcase, follows_the_schema, 0, COUNT(commands));
    tcase_add_loop_test(tcase, stdout_is_json, 0, COUNT(commands));
    tcase = theme(suite, "content");
    tcase_add_test(tcase, kernel_is_told);
    tcase_add_test(tcase, strictness_is_told);
    tcase_add_test(tcase, detail_holds_the_worst);
    tcase_add_test(tcase, detail_of_a_diagnosis);
    tcase_add_test(tcase, detail_says_who_looks_at_whom);
    tcase_add_test(tcase, detail_says_what_rows_are_of);
    tcase_add_test(tcase, detail_has_honest_elements);
    tcase_add_test(tcase, unwritable_report);
    tcase_add_loop_test(tcase, bad_usage_is_reported, 0, COUNT(unusable));
    tcase_add_test(tcase, bad_usage_overwrites_no_input);
    return suite;
}
