/* test_suite.c - plumb suite and plumb merge: shards made one are the same bytes as the whole */
#include <stdlib.h>
#include <sys/stat.h>

#include "command.h"

#define HONEST_BF16 "\"{case}/dumps/honest-bf16-eager.safetensors\""

/* Five cases; a bent dump, diagnosed; one that is not there */
static const char five[] =
    "{\"groups\": [{\"cases\": [\"fixtures/e2b-vision\", \"" TEXT "\", \"" EXPERTS "\","
    "                          \"" WHOLE "\", \"" UNIFIED "\"],"
    "              \"dumps\": [" HONEST_BF16 "], \"classes\": [\"bf16\"]},"
    "             {\"cases\": [\"" TEXT "\"], \"command\": \"diagnose\","
    "              \"dumps\": [\"{case}/dumps/buggy-window-off-by-one-bf16.safetensors\", \"{case}/none.npz\"]}]}";
enum { TRIALS = 7 };

static const char small[] = "{\"groups\": [{\"cases\": [\"fixtures/e2b-vision\"], \"dumps\": [" HONEST_BF16
                            ", \"{case}/expected.safetensors\"]}]}";

static const char *written(const char *text)
{
    write_text(temporary("suite.json"), text);
    return temporary("suite.json");
}

static const char *shard(const char *suite, int k, int n)
{
    const char *path = arena_format(&scratch, "%s-%d-of-%d", temporary("shard"), k, n);
    Result result = plumb("suite", suite, "--shard", arena_format(&scratch, "%d/%d", k, n), "--json", path);
    ck_assert_msg(result.status < 2, "%s", result.err);
    return path;
}

static json_t *first_trial(json_t *shard) { return json_array_get(json_object_get(shard, "trials"), 0); }

START_TEST(merged_is_whole)
{
    static const int counts[] = { 1, 2, 5, 60 };
    const char *suite = written(five), *whole = temporary("whole.json"), *merged = temporary("merged.json");
    Result at_once = plumb("suite", suite, "--json", whole);
    assert_status(at_once, 1);
    ck_assert_ptr_nonnull(strstr(at_once.out, "\nFAIL  5 of 7 trials pass\n"));
    ck_assert_ptr_nonnull(strstr(at_once.out, "bent from model.layers.2.self_attn#attn_weights"));
    ck_assert_ptr_nonnull(strstr(at_once.out, "found no readable file"));
    for (int c = 0; c < COUNT(counts); c++) {
        const char *arguments[64] = { "merge", "--json", merged };
        for (int k = 1; k <= counts[c]; k++) arguments[2 + k] = shard(suite, k, counts[c]);
        Result result = run_plumb(arguments);
        assert_status(result, 1);
        ck_assert_str_eq(result.out, at_once.out);
        ck_assert_str_eq(read_text(merged, NULL), read_text(whole, NULL));
    }
}
END_TEST

/* Each trial is in one shard, and no shard is empty. */
START_TEST(shards_share_out)
{
    const char *suite = written(five);
    size_t trials = 0;
    for (int k = 1; k <= 3; k++) {
        json_t *report = read_json(shard(suite, k, 3));
        size_t here = json_array_size(json_object_get(report, "trials"));
        ck_assert_int_ge(here, 1);
        trials += here;
        json_decref(report);
    }
    ck_assert_int_eq(trials, TRIALS);
}
END_TEST

/* A dump that is a folder is as large as what is in it: alone it is a shard, and three small files are the other. */
START_TEST(folders_have_their_arrays_size)
{
    char large[4096] = "";
    memset(large, 'x', sizeof large - 1);
    mkdir(temporary("large"), 0700);
    write_text(temporary("large/a.npy"), large);
    for (int i = 0; i < 3; i++) write_text(temporary(arena_format(&scratch, "small-%d", i)), "x");
    const char *suite = written(arena_format(&scratch,
                                             "{\"groups\": [{\"cases\": [\"a\"], \"dumps\": [\"%s\", \"%s\", \"%s\", "
                                             "\"%s\"]}]}",
                                             temporary("small-0"), temporary("small-1"), temporary("small-2"),
                                             temporary("large")));
    json_t *report = read_json(shard(suite, 1, 2));
    ck_assert_int_eq(json_array_size(json_object_get(report, "trials")), 1);
    ck_assert_int_eq(json_integer_value(json_object_get(first_trial(report), "trial")), 3);
    json_decref(report);
}
END_TEST

/* A class that is left out is that of the values. */
START_TEST(classes_may_be_left_out)
{
    Result result = plumb("suite", written(small), "--threads", "2");
    assert_status(result, 0);
    ck_assert_ptr_nonnull(strstr(result.out, "\nPASS  2 of 2 trials pass\n"));
}
END_TEST

START_TEST(what_is_no_whole_is_refused)
{
    const char *suite = written(small), *first = shard(suite, 1, 2), *second = shard(suite, 2, 2);
    const char *other = temporary("other.json");
    assert_one_line(plumb("merge", first), (const char *const[]){ "found no shard with trial", "of 2", NULL });
    assert_one_line(plumb("merge", first, second, first),
                    (const char *const[]){ "found trial", "has too", "expected each trial once", NULL });
    write_text(suite, arena_format(&scratch, "%s\n", small));
    assert_one_line(plumb("merge", first, shard(suite, 1, 3)),
                    (const char *const[]){ "suite_sha256: found", "as in the first shard", NULL });
    write_text(other, "{\"kind\": \"grade\"}");
    assert_one_line(plumb("merge", first, other), (const char *const[]){ "other.json: found grade", "suite", NULL });
    assert_one_line(plumb("merge", temporary("none.json")), (const char *const[]){ "none.json", "found no", NULL });
}
END_TEST

/* Shards of another version of the program, and shards that saw different files */
START_TEST(shards_of_two_kinds_are_refused)
{
    const char *suite = written(small), *first = shard(suite, 1, 2), *second = shard(suite, 2, 2);
    json_t *report = read_json(second);
    json_object_set_new(report, "version", json_string("0.0.0"));
    json_dump_file(report, temporary("old.json"), 0);
    assert_one_line(plumb("merge", first, temporary("old.json")),
                    (const char *const[]){ "version: found \"0.0.0\", expected", NULL });
    json_decref(report);

    report = read_json(second);
    json_t *files = json_object_get(json_object_get(first_trial(report), "report"), "files");
    for (size_t i = 0; i < json_array_size(files); i++)
        json_object_set_new(json_array_get(files, i), "sha256", json_string("00"));
    json_dump_file(report, temporary("changed.json"), 0);
    assert_one_line(plumb("merge", first, temporary("changed.json")),
                    (const char *const[]){ "changed.json: found another", "expected one set of files", NULL });
    json_decref(report);
}
END_TEST

static const struct {
    const char *suite, *says;
} bad_suites[] = {
    { "{}", "groups: found none" },
    { "{\"groups\": [{\"dumps\": [\"a\"]}]}", "cases: found no list" },
    { "{\"groups\": [{\"cases\": [\"a\"], \"dumps\": [1]}]}", "dumps: found no text at 0" },
    { "{\"groups\": [{\"cases\": [\"a\"], \"dumps\": [\"b\"], \"classes\": [\"bf17\"]}]}", "found bf17, expected" },
    { "{\"groups\": [{\"cases\": [\"a\"], \"dumps\": [\"b\"], \"command\": \"run\"}]}", "command: found run" },
    { "{\"groups\": [{\"cases\": [\"a\"], \"dumps\": [\"b\"], \"command\": 1}]}", "command: found no text" },
    { "{\"groups\": [{\"cases\": [\"a\"], \"dumps\": [\"b\"], \"names\": [\"m\"]}]}", "names: found no text" },
    { "{\"groups\": [{\"cases\": [\"a\"], \"dumps\": [\"b\"], \"class\": [\"bf16\"]}]}",
      "found the key class, expected" },
    { "[]", "expected" },
};

START_TEST(bad_suites_are_refused)
{
    assert_one_line(plumb("suite", written(bad_suites[_i].suite)), (const char *const[]){ bad_suites[_i].says, NULL });
}
END_TEST

/* A small file whose product is large */
START_TEST(too_many_trials_are_refused)
{
    static const char texts[] = "\"a\", \"a\", \"a\", \"a\", \"a\", \"a\", \"a\", \"a\", \"a\", \"a\"";
    const char *list = arena_format(&scratch, "[%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s]", texts, texts, texts,
                                    texts, texts, texts, texts, texts, texts, texts, texts);
    const char *group = arena_format(&scratch, "{\"cases\": %s, \"dumps\": %s}", list, list);
    Arena arena = { 0 };
    const char *groups = group;
    for (int n = 110 * 110; n <= 1 << 20; n += 110 * 110) groups = arena_format(&arena, "%s, %s", groups, group);
    assert_one_line(plumb("suite", written(arena_format(&arena, "{\"groups\": [%s]}", groups))),
                    (const char *const[]){ "found more than 1048576 trials", "expected", NULL });
    arena_free(&arena);
}
END_TEST

START_TEST(bad_shards_are_refused)
{
    static const char *const shards[] = { "0/2",  "3/2",  "1",  "1/2x", "-1/2", "1/9999999", "4294967297/4294967298",
                                          " 1/2", "1/+2", "1/", "/2" };
    Result result = plumb("suite", written(small), "--shard", "2/2", "--shard", shards[_i]);
    assert_status(result, 2);
    ck_assert_ptr_nonnull(strstr(result.err, "--shard: found "));
}
END_TEST

START_TEST(the_suite_is_no_output)
{
    const char *suite = written(small);
    assert_one_line(plumb("suite", suite, "--json", suite), (const char *const[]){ "--json", "suite.json", NULL });
    ck_assert_str_eq(read_text(suite, NULL), small);
}
END_TEST

/* A place that cannot be written is found before any dump is graded. */
START_TEST(no_place_for_the_report)
{
    const char *suite = written(small), *place = temporary("none/report.json");
    Result result = plumb("suite", suite, "--json", place);
    assert_status(result, 2);
    ck_assert_ptr_nonnull(strstr(result.err, "none/report.json: cannot be written"));
    ck_assert_str_eq(result.out, "");
}
END_TEST

/* A case's own files, too */
START_TEST(inputs_are_no_output)
{
    const char *folder = copied_case(TEXT), *inputs = arena_format(&scratch, "%s/inputs.safetensors", folder);
    const char *suite = written(
        arena_format(&scratch, "{\"groups\": [{\"cases\": [\"%s\"], \"dumps\": [\"none\"]}]}", folder));
    assert_one_line(plumb("suite", suite, "--json", inputs),
                    (const char *const[]){ "inputs.safetensors, which is read, expected another file", NULL });
}
END_TEST

START_TEST(stdout_is_the_reports_alone)
{
    const char *suite = written(small), *whole = temporary("whole.json");
    assert_status(plumb("suite", suite, "--json", whole), 0);
    Result run = plumb("suite", suite, "--json", "-"), merged = plumb("merge", whole, "--json", "-");
    ck_assert_str_eq(run.out, read_text(whole, NULL));
    ck_assert_str_eq(merged.out, run.out);
}
END_TEST

/* A report says the command that makes it. */
START_TEST(commands_are_whole)
{
    const char *suite = written("{\"groups\": [{\"cases\": [\"a\"], \"dumps\": [\"b\"], \"classes\": [\"mlx-bf16\"], "
                                "\"names\": \"c\"}]}");
    Result result = plumb("suite", suite, "--json", temporary("report.json"));
    ck_assert_ptr_nonnull(strstr(result.out, "mlx-bf16 b: "));
    json_t *report = read_json(temporary("report.json"));
    char *command = json_dumps(json_object_get(json_object_get(first_trial(report), "report"), "command"), 0);
    ck_assert_str_eq(command, "[\"plumb\", \"grade\", \"a\", \"b\", \"--as\", \"mlx-bf16\", \"--names\", \"c\"]");
    free(command);
    json_decref(report);
}
END_TEST

Suite *suite_suite(void)
{
    Suite *suite = suite_create("suite");
    TCase *tcase = theme(suite, "suite");
    tcase_add_test(tcase, merged_is_whole);
    tcase_add_test(tcase, shards_share_out);
    tcase_add_test(tcase, folders_have_their_arrays_size);
    tcase_add_test(tcase, classes_may_be_left_out);
    tcase = theme(suite, "refused");
    tcase_add_test(tcase, what_is_no_whole_is_refused);
    tcase_add_test(tcase, shards_of_two_kinds_are_refused);
    tcase_add_loop_test(tcase, bad_suites_are_refused, 0, COUNT(bad_suites));
    tcase_add_test(tcase, too_many_trials_are_refused);
    tcase_add_loop_test(tcase, bad_shards_are_refused, 0, 11);
    tcase_add_test(tcase, the_suite_is_no_output);
    tcase_add_test(tcase, inputs_are_no_output);
    tcase_add_test(tcase, no_place_for_the_report);
    tcase = theme(suite, "written");
    tcase_add_test(tcase, stdout_is_the_reports_alone);
    tcase_add_test(tcase, commands_are_whole);
    return suite;
}
