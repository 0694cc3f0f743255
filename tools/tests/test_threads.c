/* test_threads.c - passes side by side: the same report, whatever the number of threads */
#include <stdlib.h>

#include "command.h"

#define VISION "fixtures/e2b-vision"

static const struct {
    const char *command, *folder, *dump;
    int status;
} cases[] = {
    { "grade", VISION, "/dumps/honest-bf16-eager.safetensors", 0 },
    { "grade", TEXT, "/dumps/buggy-window-off-by-one-bf16.safetensors", 1 },
    { "grade", TEXT, "/dumps/aligned-bf16.safetensors", 1 }, /* many more free replays */
    { "grade", EXPERTS, "/dumps/honest-bf16-eager.safetensors", 0 },
    { "grade", WHOLE, "/dumps/honest-fp16-eager.safetensors", 0 }, /* decode steps */
    { "grade", UNIFIED, "/dumps/google-masks-bf16-eager.safetensors", 0 },
    { "diagnose", VISION, "/dumps/buggy-vision-clip-omitted-bf16.safetensors", 1 },
    { "diagnose", TEXT, "/dumps/honest-bf16-eager.safetensors", 0 },
    { "diagnose", EXPERTS, "/dumps/buggy-per-expert-scale-missing-bf16.safetensors", 1 },
};

static json_t *report_by(int i, const char *threads, const char **text)
{
    const char *json = temporary("report.json"), *dump = arena_format(&scratch, "%s%s", cases[i].folder, cases[i].dump);
    Result result = plumb(cases[i].command, cases[i].folder, dump, "--threads", threads, "--json", json);
    assert_status(result, cases[i].status);
    json_t *report = read_json(json);
    json_object_del(report, "command");
    *text = result.out;
    return report;
}

/* Each number of the report, to its last bit */
START_TEST(reports_are_the_same)
{
    static const char *const threads[] = { "2", "3", "16" };
    const char *alone, *together;
    json_t *one = report_by(_i, "1", &alone);
    for (int n = 0; n < COUNT(threads); n++) {
        json_t *several = report_by(_i, threads[n], &together);
        ck_assert_str_eq(alone, together);
        ck_assert_msg(json_equal(one, several), "%s: another report on %s threads", cases[_i].dump, threads[n]);
        json_decref(several);
    }
    json_decref(one);
}
END_TEST

/* Choices that the dump leaves open are settled before samples run side by side. */
START_TEST(open_choices_are_the_same)
{
    const char *dump = EXPERTS "/dumps/honest-bf16-eager.safetensors";
    Result one = plumb("grade", EXPERTS, dump, "--layers"),
           several = plumb("grade", EXPERTS, dump, "--layers", "--threads", "4");
    assert_status(several, one.status);
    ck_assert_str_eq(one.out, several.out);
}
END_TEST

START_TEST(errors_are_the_same)
{
    assert_one_line(plumb("grade", EXPERTS, VISION "/dumps/honest-bf16-eager.safetensors", "--threads", "4"),
                    (const char *const[]){ "honest-bf16-eager.safetensors", "found", "expected", NULL });
}
END_TEST

Suite *threads_suite(void)
{
    Suite *suite = suite_create("threads");
    TCase *tcase = theme(suite, "same");
    tcase_add_loop_test(tcase, reports_are_the_same, 0, COUNT(cases));
    tcase_add_test(tcase, open_choices_are_the_same);
    tcase_add_test(tcase, errors_are_the_same);
    return suite;
}
