/* test_terminal.c - a report on a terminal: its width, lines as steps are graded, the bar, colour */
#include "command.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define BENT TEXT "/dumps/buggy-window-off-by-one-bf16.safetensors"

/* stdout, and with `both` stderr too, of plumb on a terminal of so many columns */
static const char *on_terminal(int columns, bool both, const char *const *arguments)
{
    const char *argv[32] = { plumb_path };
    for (int i = 0; arguments[i] && i < 30; i++) argv[i + 1] = arguments[i];
    int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    ck_assert(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
    ioctl(terminal, TIOCSWINSZ, &(struct winsize){ .ws_row = 40, .ws_col = (unsigned short)columns });
    int slave = open(ptsname(terminal), O_RDWR | O_NOCTTY);
    pid_t child = fork();
    if (child == 0) {
        unsetenv("COLUMNS");
        dup2(slave, STDOUT_FILENO);
        dup2(both ? slave : open("/dev/null", O_WRONLY), STDERR_FILENO);
        execv(plumb_path, (char *const *)argv);
        _exit(127);
    }
    close(slave);
    char *text = NULL;
    size_t length = 0;
    for (ssize_t got = 1; got > 0; length += got > 0 ? (size_t)got : 0) {
        text = realloc(text, length + 4097);
        got = read(terminal, text + length, 4096); /* an error where the other side is closed */
    }
    text[length] = '\0';
    close(terminal);
    waitpid(child, NULL, 0);
    const char *kept = arena_format(&scratch, "%s", text);
    free(text);
    return kept;
}

#define plumb_on_terminal(columns, ...) on_terminal(columns, false, (const char *const[]){ __VA_ARGS__, NULL })

static int widest_line(const char *text)
{
    int widest = 0;
    for (size_t length; *text; text += length + strspn(text + length, "\r\n")) {
        length = strcspn(text, "\r\n");
        if ((int)length > widest) widest = (int)length;
    }
    return widest;
}

static const int widths[] = { 40, 60, 80, 120 };

START_TEST(fits_the_width)
{
    int columns = widths[_i];
    const char *grade = plumb_on_terminal(columns, "grade", TEXT, BENT, "--color=never");
    ck_assert_msg(widest_line(grade) <= columns, "%s", grade);
    ck_assert_ptr_nonnull(strstr(grade, "FAIL  first bent step:"));
    ck_assert_ptr_nonnull(strstr(grade, "attn_weights"));
    const char *diagnosis = plumb_on_terminal(columns, "diagnose", TEXT, BENT, "--color=never", "--quiet");
    ck_assert_ptr_nonnull(strstr(diagnosis, "matches known bug window-off-by-one"));
}
END_TEST

/* Without the ends of lines, which a terminal has two characters for */
static const char *lines_of(const char *text)
{
    char *kept = arena_allocate(&scratch, strlen(text) + 1), *to = kept;
    for (; *text; text++)
        if (*text != '\r') *to++ = *text;
    *to = '\0';
    return kept;
}

/* Lines that came while the work went on, and those behind them, are the report that a pipe gets. */
START_TEST(streams_the_same_report)
{
    const char *wide = plumb_on_terminal(400, "grade", TEXT, BENT, "--color=never");
    ck_assert_str_eq(lines_of(wide), plumb("grade", TEXT, BENT).out);
}
END_TEST

/* The dump follows Google's reading of the masks, so the first look finds bent steps, and a second none. */
START_TEST(says_that_it_grades_again)
{
    const char *text = plumb_on_terminal(400, "grade", UNIFIED, UNIFIED "/dumps/google-masks-bf16-eager.safetensors",
                                         "--layers", "--color=never");
    const char *again = strstr(lines_of(text), "\n\ngraded again, by what was found of the dump:\ncase 12b-image");
    ck_assert_msg(again != NULL, "%s", text);
    ck_assert_ptr_nonnull(strstr(again, "PASS  all 7 steps are straight as bf16"));
    ck_assert_ptr_null(strstr(again, "FAIL"));
}
END_TEST

/* Colour is for terminals, and NO_COLOR turns it off there. */
START_TEST(no_color)
{
    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
    ck_assert_ptr_nonnull(strstr(plumb_on_terminal(100, "grade", TEXT, BENT), "\033[1;31mFAIL\033[0m"));
    setenv("NO_COLOR", "1", 1);
    ck_assert_ptr_null(strchr(plumb_on_terminal(100, "grade", TEXT, BENT), '\033'));
    unsetenv("NO_COLOR");
    setenv("TERM", "dumb", 1);
    ck_assert_ptr_null(strchr(plumb_on_terminal(100, "grade", TEXT, BENT), '\033'));
}
END_TEST

/* A run of more than a second has a bar with times, and none with --quiet. */
START_TEST(bar)
{
    const char *const loud[] = { "grade", WHOLE, WHOLE "/expected.safetensors", "--samples", "400", NULL };
    const char *const quiet[] = { "grade", WHOLE, WHOLE "/expected.safetensors", "--samples", "400", "--quiet", NULL };
    const char *bar = strstr(on_terminal(80, true, loud), "\rpass ");
    ck_assert_ptr_nonnull(bar);
    ck_assert_ptr_nonnull(strstr(bar, " of 4")); /* as many passes as samples, and a few */
    ck_assert_ptr_nonnull(strstr(bar, "] "));
    ck_assert_ptr_nonnull(strstr(bar, " left \033[K"));
    ck_assert_ptr_null(strstr(on_terminal(80, true, quiet), "pass 2 of"));
}
END_TEST

Suite *terminal_suite(void)
{
    Suite *suite = suite_create("terminal");
    TCase *tcase = theme(suite, "terminal");
    tcase_add_loop_test(tcase, fits_the_width, 0, COUNT(widths));
    tcase_add_test(tcase, streams_the_same_report);
    tcase_add_test(tcase, says_that_it_grades_again);
    tcase_add_test(tcase, no_color);
    tcase_add_test(tcase, bar);
    return suite;
}
