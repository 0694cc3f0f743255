/* test_report.c - plumb report: every format of one and of several reports. make check-report opens the page. */
#include "command.h"

#define BENT TEXT "/dumps/buggy-window-off-by-one-bf16.safetensors"
#define STRAIGHT TEXT "/dumps/honest-bf16-eager.safetensors"

static const char *const formats[] = { "--html", "--junit", "--sarif", "--markdown", "--csv" };

static const char *bent(void) { return temporary("bent.json"); }
static const char *unread(void) { return temporary("unread.json"); }

/* A diagnosis that names a bug, and an error */
static void write_reports(void)
{
    assert_status(plumb("diagnose", TEXT, BENT, "--json", bent()), 1);
    assert_status(plumb("grade", TEXT, "README.md", "--json", unread()), 2);
}

static void assert_says(const char *text, const char *const *parts)
{
    for (; *parts; parts++) ck_assert_msg(strstr(text, *parts) != NULL, "no \"%s\" in:\n%.4000s", *parts, text);
}

/* Each format says this of a window that is too wide, and of a dump that cannot be read */
static const char *const says[][6] = {
    { "<title>1 of 1 reports failed</title>" },
    { "<testcase name=\"model.layers.2.self_attn#attn_weights\"", " failures=\"1\" errors=\"0\"",
      "message=\"first bent step: ratio ", "; matches known bug window-off-by-one\"/>",
      "<skipped message=\"missing\"/>" },
    { "\"ruleId\": \"window-off-by-one\"", "\"version\": \"2.1.0\"",
      "\"fullyQualifiedName\": \"model.layers.2.self_attn#", "\"sha-256\": \"a67e24605ac836c1",
      "\"executionSuccessful\": true" },
    { "# Plumbline: FAIL\n", "**window-off-by-one**, in layer 2 only: sliding layers see W + 1",
      "https://github.com/sgl-project" },
    { "\r\ne2b-text,buggy-window-off-by-one-bf16.safetensors,bf16,fail,model.layers.2.self_attn#attn_weights,fail," },
};

START_TEST(one_report)
{
    write_reports();
    const char *out = temporary("out");
    assert_status(plumb("report", bent(), formats[_i], out), 0);
    const char *text = read_text(out, NULL);
    if (_i > 0) assert_says(text, says[_i]);
    assert_status(plumb("report", bent(), formats[_i], out), 0);
    ck_assert_str_eq(text, read_text(out, NULL));
    Result printed = plumb("report", formats[_i], "-", bent());
    assert_status(printed, 0);
    ck_assert_str_eq(text, printed.out);
}
END_TEST

START_TEST(several_reports)
{
    write_reports();
    Result page = plumb("report", bent(), unread(), "--html", "-");
    assert_says(page.out,
                (const char *const[]){ "<title>2 of 2 reports failed</title>", "\"window-off-by-one\"", NULL });
    Result junit = plumb("report", bent(), unread(), "--junit", "-");
    assert_says(junit.out, (const char *const[]){
                               " failures=\"1\" errors=\"1\" time=", "<error message=\"README.md: found text", NULL });
    Result sarif = plumb("report", bent(), unread(), "--sarif", "-");
    json_t *log = json_loads(sarif.out, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_uint_eq(json_array_size(json_object_get(log, "runs")), 2);
    json_decref(log);
    Result markdown = plumb("report", bent(), unread(), "--markdown", "-");
    assert_says(markdown.out,
                (const char *const[]){ "# Plumbline: 2 of 2 reports failed\n", "| **ERROR** | README.md", NULL });
}
END_TEST

/* Every step is straight, and the whole is not: no format calls that a pass. */
START_TEST(far_end)
{
    write_reports();
    json_t *report = read_json(bent()), *steps = json_object_get(report, "steps"), *step;
    size_t i;
    json_array_foreach(steps, i, step) json_object_set_new(step, "verdict", json_string("pass"));
    json_object_set_new(report, "first_bent", json_null());
    json_object_set_new(report, "all_named", json_array());
    json_object_set_new(report, "named", json_null());
    json_object_set_new(report, "first_far", json_string("logits"));
    json_object_set_new(report, "ends",
                        json_pack("[{s:s, s:s, s:f}]", "tap", "logits", "verdict", "fail", "ratio", 7.5));
    ck_assert_int_eq(json_dump_file(report, bent(), 0), 0);
    json_decref(report);
    static const char *const far[][2] = {
        { "--junit", "name=\"end: logits\"" },
        { "--junit", "failures=\"1\" errors=\"0\"" },
        { "--sarif", "\"ruleId\": \"far-end\"" },
        { "--markdown", "every step is straight, and logits is farther off than honest passes are" },
        { "--html", "logits is farther off than honest passes are" },
    };
    for (int j = 0; j < COUNT(far); j++)
        assert_says(plumb("report", bent(), far[j][0], "-").out, (const char *const[]){ far[j][1], NULL });
}
END_TEST

/* Names in a report come from strangers: none ends the script or the attribute that it stands in. */
START_TEST(names_stay_text)
{
    static const char *const evil = "</script><b a=\"&'>";
    write_reports();
    json_t *report = read_json(bent());
    json_object_set_new(report, "case", json_string(evil));
    ck_assert_int_eq(json_dump_file(report, bent(), 0), 0);
    json_decref(report);
    Result page = plumb("report", bent(), "--html", "-"), junit = plumb("report", bent(), "--junit", "-");
    ck_assert_ptr_null(strstr(page.out, "</script><b"));
    ck_assert_ptr_null(strstr(junit.out, "<b a"));
    assert_says(page.out, (const char *const[]){ "&lt;/script&gt;&lt;b", "\\u003c/script>", NULL });
}
END_TEST

static const struct {
    const char *json, *names[3];
} refused[] = {
    { "{", { "found invalid JSON" } },
    { "[]", { "expected a report of plumb grade or diagnose" } },
    { "{}", { "found no schema_version" } },
    { "{\"schema_version\": 2}", { "found schema_version 2, expected 1" } },
    { "{\"schema_version\": 1, \"program\": {}}", { "kind: found none" } },
};

START_TEST(no_report)
{
    const char *path = temporary("none.json"), *out = temporary("out");
    write_bytes(path, refused[_i].json, strlen(refused[_i].json));
    assert_one_line(plumb("report", path, "--html", out), refused[_i].names);
    ck_assert(!is_there(out));
}
END_TEST

START_TEST(no_format)
{
    write_reports();
    Result result = plumb("report", bent());
    assert_status(result, 2);
    ck_assert_ptr_nonnull(
        strstr(result.err, "found no format, expected --html, --junit, --sarif, --markdown or --csv"));
}
END_TEST

Suite *report_suite(void)
{
    Suite *suite = suite_create("report");
    TCase *tcase = theme(suite, "formats");
    tcase_add_loop_test(tcase, one_report, 0, COUNT(formats));
    tcase_add_test(tcase, several_reports);
    tcase_add_test(tcase, far_end);
    tcase_add_test(tcase, names_stay_text);
    tcase = theme(suite, "refused");
    tcase_add_loop_test(tcase, no_report, 0, COUNT(refused));
    tcase_add_test(tcase, no_format);
    return suite;
}
