/* test_output.c - a file is there whole or not at all, and what is no file stays what it is */
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helpers.h"
#include "run/output.h"

static Output *opened(const char *path, const char *text)
{
    Error error = { "" };
    Output *output = output_open(path, &error);
    assert_clean(&error);
    fputs(text, output_stream(output));
    return output;
}

static void write_whole(const char *path, const char *text)
{
    Error error = { "" };
    output_close(opened(path, text), &error);
    assert_clean(&error);
}

static mode_t mode_of(const char *path)
{
    struct stat status;
    ck_assert_int_eq(lstat(path, &status), 0);
    return status.st_mode;
}

START_TEST(mode_follows_umask)
{
    umask(027);
    write_whole(temporary("new"), "a");
    ck_assert_int_eq(mode_of(temporary("new")), S_IFREG | 0640);
    ck_assert_int_eq(files_in(temporary_folder()), 1);
}
END_TEST

START_TEST(link_stays)
{
    write_whole(temporary("file"), "old");
    ck_assert_int_eq(symlink("file", temporary("link")), 0);
    ck_assert_int_eq(symlink("later", temporary("dangling")), 0);
    write_whole(temporary("link"), "new");
    write_whole(temporary("dangling"), "too");
    ck_assert(S_ISLNK(mode_of(temporary("link"))) && S_ISLNK(mode_of(temporary("dangling"))));
    ck_assert_str_eq(read_text(temporary("file"), NULL), "new");
    ck_assert_str_eq(read_text(temporary("later"), NULL), "too");
}
END_TEST

START_TEST(neighbours_stay)
{
    write_whole(temporary("mine"), "precious");
    ck_assert_int_eq(symlink("mine", temporary("out~")), 0);
    write_whole(temporary("out"), "new");
    ck_assert_str_eq(read_text(temporary("mine"), NULL), "precious");
    ck_assert(S_ISLNK(mode_of(temporary("out~"))));
}
END_TEST

START_TEST(device_stays)
{
    const char *path = temporary("null");
    if (mknod(path, S_IFCHR | 0600, makedev(1, 3)) != 0) {
        fprintf(stderr, "output: device_stays is skipped: mknod needs root\n");
        return;
    }
    int file = open(path, O_WRONLY);
    if (file < 0) {
        fprintf(stderr, "output: device_stays is skipped: devices do not open in %s\n", temporary_folder());
        return;
    }
    close(file);
    write_whole(path, "gone");
    ck_assert_int_eq(mode_of(path), S_IFCHR | 0600);
}
END_TEST

START_TEST(pipe_gets_all)
{
    const char *path = temporary("pipe");
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    int pipe = open(path, O_RDWR); /* so that nobody waits for the other end */
    write_whole(path, "through");
    char text[8] = "";
    ck_assert_int_eq(read(pipe, text, 7), 7);
    ck_assert_str_eq(text, "through");
    ck_assert(S_ISFIFO(mode_of(path)));
    close(pipe);
}
END_TEST

START_TEST(disk_is_full)
{
    Error error = { "" };
    output_close(opened("/dev/full", "text"), &error);
    assert_refused(&error, "/dev/full", ": cannot be written: No space left on device");
}
END_TEST

START_TEST(last_of_two_writers)
{
    Error error = { "" };
    const char *path = temporary("both");
    Output *first = opened(path, "first, longer"), *second = opened(path, "second");
    output_close(first, &error);
    output_close(second, &error);
    assert_clean(&error);
    ck_assert_str_eq(read_text(path, NULL), "second");
    ck_assert_int_eq(files_in(temporary_folder()), 1);
}
END_TEST

static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGKILL };

START_TEST(signal_in_the_middle)
{
    write_bytes(temporary("out"), "old", 3);
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 3; i++) signal(ends[i], SIG_DFL); /* Check has handlers of its own */
        opened(temporary("out"), "new");
        raise(ends[_i]);
        _exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == ends[_i]);
    ck_assert_str_eq(read_text(temporary("out"), NULL), "old");
    ck_assert_int_eq(files_in(temporary_folder()), ends[_i] == SIGKILL ? 2 : 1); /* nobody cleans up after SIGKILL */
}
END_TEST

Suite *output_suite(void)
{
    Suite *suite = suite_create("output");
    TCase *tcase = theme(suite, "whole or not at all");
    tcase_add_test(tcase, mode_follows_umask);
    tcase_add_test(tcase, disk_is_full);
    tcase_add_test(tcase, last_of_two_writers);
    tcase_add_loop_test(tcase, signal_in_the_middle, 0, COUNT(ends));
    tcase = theme(suite, "what is there already");
    tcase_add_test(tcase, link_stays);
    tcase_add_test(tcase, neighbours_stay);
    tcase_add_test(tcase, device_stays);
    tcase_add_test(tcase, pipe_gets_all);
    return suite;
}
