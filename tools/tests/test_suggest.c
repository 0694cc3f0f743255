/* test_suggest.c - what a newcomer mistypes: commands, options, bugs; and help on a command */
#include "command.h"

static const struct {
    const char *arguments[6], *says;
} typos[] = {
    { { "grde" }, "; did you mean grade?\n" },
    { { "daignose" }, "; did you mean diagnose?\n" },
    { { "help", "inspct" }, "; did you mean inspect?\n" },
    { { "grade", "--ony", "x" },
      "plumb grade: --ony: found no such option, expected one that plumb grade --help lists; did "
      "you mean --only?\n" },
    { { "grade", "--as", "BFloat16" }, "; did you mean bf16?\n" },
    { { "grade", "--as", "float32" }, "; did you mean fp32?\n" },
    { { "grade", "--strcit" }, "; did you mean --strict?\n" },
    { { "run", TEXT, "--thread=2" }, NULL },      /* the beginning of --threads: argp takes it */
    { { "run", TEXT, "--only", "--ony" }, NULL }, /* a value, whatever it looks like */
    { { "run", TEXT, "--bug", "window-of-by-one" }, "; did you mean window-off-by-one?\n" },
    { { "bugs", "softcap-mising" }, "; did you mean softcap-missing?\n" },
    { { "bugs", "window-off" }, "; did you mean window-off-by-one?\n" },
    { { "zzzzzzzz" }, NULL },
    { { "bugs", "nothing-like-it-at-all" }, NULL },
};

START_TEST(typo)
{
    Result result = run_plumb(typos[_i].arguments);
    const char *found = strstr(result.err, "did you mean");
    if (!typos[_i].says) {
        ck_assert_msg(!found, "%s", result.err);
        return;
    }
    assert_status(result, 2);
    ck_assert_msg(strstr(result.err, typos[_i].says) != NULL, "%s", result.err);
}
END_TEST

START_TEST(help_on_a_command)
{
    Result help = plumb("help", "report"), option = plumb("report", "--help");
    assert_status(help, 0);
    ck_assert_str_eq(help.out, option.out);
    ck_assert_str_eq(plumb("help").out, plumb("--help").out);
}
END_TEST

Suite *suggest_suite(void)
{
    Suite *suite = suite_create("suggest");
    TCase *tcase = theme(suite, "typos");
    tcase_add_loop_test(tcase, typo, 0, COUNT(typos));
    tcase_add_test(tcase, help_on_a_command);
    return suite;
}
