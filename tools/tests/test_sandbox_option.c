/* test_sandbox_option.c - plumb grade and plumb diagnose behind their sandbox: what they need is still there */
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"

#define DUMP TEXT "/dumps/honest-bf16-eager.safetensors"

static Result graded(const char *folder, const char *when)
{
    return plumb("grade", folder, DUMP, "--sandbox", when, "--json", temporary("report.json"));
}

START_TEST(verdicts_are_the_same)
{
    Result without = graded(TEXT, "never");
    assert_status(without, 0);
    Result with = graded(TEXT, "auto");
    assert_status(with, 0);
    ck_assert_str_eq(with.out, without.out);
    ck_assert(is_there(temporary("report.json")));
}
END_TEST

/* As a cache of checkpoints has them: a folder of links to files elsewhere */
START_TEST(links_to_weights_are_followed)
{
    char here[4096];
    ck_assert_ptr_nonnull(getcwd(here, sizeof here));
    mkdir(temporary("case"), 0700);
    mkdir(temporary("case/model"), 0700);
    static const char *const files[] = { "inputs.safetensors", "model/config.json", "model/model.safetensors" };
    for (int i = 0; i < COUNT(files); i++)
        ck_assert_int_eq(symlink(arena_format(&scratch, "%s/" TEXT "/%s", here, files[i]),
                                 temporary(arena_format(&scratch, "case/%s", files[i]))),
                         0);
    assert_status(graded(temporary("case"), "auto"), 0);
}
END_TEST

START_TEST(report_may_go_to_a_device)
{
    assert_status(plumb("grade", TEXT, DUMP, "--json", "/dev/null"), 0);
    Result result = plumb("grade", TEXT, DUMP, "--json", "/dev/full");
    assert_status(result, 2);
    ck_assert_ptr_nonnull(strstr(result.err, "/dev/full: cannot be written: No space left on device"));
}
END_TEST

START_TEST(other_words_are_refused)
{
    Result result = graded(TEXT, "sometimes");
    assert_status(result, 2);
    ck_assert_ptr_nonnull(strstr(result.err, "--sandbox: found sometimes, expected auto, always or never"));
}
END_TEST

Suite *sandbox_option_suite(void)
{
    Suite *suite = suite_create("sandbox_option");
    TCase *tcase = theme(suite, "option");
    tcase_add_test(tcase, verdicts_are_the_same);
    tcase_add_test(tcase, links_to_weights_are_followed);
    tcase_add_test(tcase, report_may_go_to_a_device);
    tcase_add_test(tcase, other_words_are_refused);
    return suite;
}
