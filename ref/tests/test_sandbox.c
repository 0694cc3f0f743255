/* test_sandbox.c - what a process can do behind sandbox_enter; each asks in a process of its own */
#include "run/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helpers.h"
#include "run/output.h"

/* errno of what is tried, or 0 */
typedef int Try(void);

static int opened(const char *path, int flags)
{
    int file = open(path, flags, 0600);
    if (file < 0) return errno;
    close(file);
    return 0;
}

static const char *allowed_file, *linked_folder, *forbidden, *report;

static int read_allowed(void) { return opened(allowed_file, O_RDONLY); }
static int write_allowed(void) { return opened(allowed_file, O_WRONLY); }
static int read_link(void) { return opened(arena_format(&scratch, "%s/model.safetensors", linked_folder), O_RDONLY); }
static int read_other_link(void) { return opened(arena_format(&scratch, "%s/secret", linked_folder), O_RDONLY); }
static int read_forbidden(void) { return opened(forbidden, O_RDONLY); }
static int list_root(void) { return opened("/", O_RDONLY | O_DIRECTORY); }
static int make_file_here(void) { return opened("plumb-sandbox", O_WRONLY | O_CREAT); }
static int make_file(void) { return opened("/var/plumb-sandbox", O_WRONLY | O_CREAT); }

static int written(const char *path)
{
    Error error = { "" };
    Output *output = output_open(path, &error);
    if (output) output_close(output, &error);
    return error_is_set(&error) ? -1 : 0;
}

static int write_report(void) { return written(report); }
static int write_device(void) { return written("/dev/null"); }
static int write_through_link(void) { return written(arena_format(&scratch, "%s/report.json", linked_folder)); }

static int make_scratch(void)
{
    Error error = { "" };
    ScratchFile *file = scratch_file_open("a", &error);
    int status = file ? opened(scratch_file_path(file), O_RDWR | O_CREAT) : -1;
    scratch_file_close(file);
    return status;
}

static int open_socket(void)
{
    int end = socket(AF_INET, SOCK_DGRAM, 0);
    return end < 0 ? errno : 0;
}

static int start_program(void)
{
    execl("/bin/true", "true", NULL);
    return errno;
}

/* A thread that was there before the sandbox was */
static pthread_barrier_t entered;
static void *open_socket_later(void *result)
{
    pthread_barrier_wait(&entered);
    *(int *)result = open_socket();
    return NULL;
}

static const struct {
    Try *try;
    int expected;
    bool needs_seccomp;
} tries[] = {
    { read_allowed, 0, false },         { write_allowed, EACCES, false },  { read_link, 0, false },
    { read_other_link, EACCES, false }, { read_forbidden, EACCES, false }, { list_root, EACCES, false },
    { make_file, EACCES, false },       { write_report, 0, false },        { make_scratch, 0, false },
    { write_device, 0, false },         { write_through_link, 0, false },  { make_file_here, EACCES, false },
    { open_socket, EPERM, true },       { start_program, EPERM, true },
};

static void make_files(void)
{
    forbidden = temporary("forbidden/secret");
    mkdir(temporary("forbidden"), 0700);
    mkdir(temporary("linked"), 0700);
    mkdir(temporary("out"), 0700);
    mkdir(temporary("later"), 0700);
    mkdir(temporary("tmp"), 0700);
    linked_folder = temporary("linked");
    allowed_file = temporary("allowed");
    report = temporary("out/report.json");
    setenv("TMPDIR", temporary("tmp"), 1);
    write_text(forbidden, "");
    write_text(allowed_file, "");
    write_text(temporary("forbidden/weights"), "");
    ck_assert_int_eq(symlink(temporary("forbidden/weights"), temporary("linked/model.safetensors")), 0);
    ck_assert_int_eq(symlink(forbidden, temporary("linked/secret")), 0);
    ck_assert_int_eq(symlink("../later/report.json", temporary("linked/report.json")), 0);
}

static void enter(void)
{
    Error error = { "" };
    Sandbox *sandbox = sandbox_prepare();
    sandbox_may_read(sandbox, allowed_file);
    sandbox_may_read(sandbox, linked_folder);
    sandbox_may_read(sandbox, temporary("missing"));
    sandbox_may_write_beside(sandbox, report);
    sandbox_may_write_beside(sandbox, "/dev/null");
    sandbox_may_write_beside(sandbox, "-");
    sandbox_may_write_beside(sandbox, temporary("linked/report.json"));
    sandbox_enter(sandbox, SANDBOX_AUTO, &error);
    assert_clean(&error);
}

static int status_of(pid_t child)
{
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

START_TEST(only_what_is_allowed)
{
    if (sandbox_landlock() == 0 || (tries[_i].needs_seccomp && !sandbox_has_seccomp())) return;
    make_files();
    pid_t child = fork();
    if (child == 0) {
        enter();
        _exit(tries[_i].try());
    }
    ck_assert_int_eq(status_of(child), tries[_i].expected);
    unsetenv("TMPDIR");
}
END_TEST

START_TEST(threads_have_no_network_either)
{
    if (!sandbox_has_seccomp()) return;
    make_files();
    pid_t child = fork();
    if (child == 0) {
        pthread_t thread;
        int result = 0;
        pthread_barrier_init(&entered, NULL, 2);
        if (pthread_create(&thread, NULL, open_socket_later, &result) != 0) _exit(1);
        enter();
        pthread_barrier_wait(&entered);
        pthread_join(thread, NULL);
        _exit(result);
    }
    ck_assert_int_eq(status_of(child), EPERM);
    unsetenv("TMPDIR");
}
END_TEST

START_TEST(never_is_never)
{
    make_files();
    pid_t child = fork();
    if (child == 0) {
        Error error = { "" };
        sandbox_enter(sandbox_prepare(), SANDBOX_NEVER, &error);
        _exit(read_forbidden() + open_socket());
    }
    ck_assert_int_eq(status_of(child), 0);
    unsetenv("TMPDIR");
}
END_TEST

Suite *sandbox_suite(void)
{
    Suite *suite = suite_create("sandbox");
    TCase *tcase = theme(suite, "sandbox");
    tcase_add_loop_test(tcase, only_what_is_allowed, 0, COUNT(tries));
    tcase_add_test(tcase, threads_have_no_network_either);
    tcase_add_test(tcase, never_is_never);
    return suite;
}
