/* test_interrupted.c - a run that is ended in the middle, and two runs that write the same file */
#include "command.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void nap(void) { nanosleep(&(struct timespec){ 0, 500 * 1000 }, NULL); }

/* Returns the file that is being written, any of the folder but `done`; NULL if there is none. */
static const char *unfinished_in(const char *folder, const char *done)
{
    const char *found = NULL;
    DIR *stream = opendir(folder);
    for (const struct dirent *entry; (entry = readdir(stream));)
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, done) != 0)
            found = arena_format(&scratch, "%s/%s", folder, entry->d_name);
    closedir(stream);
    return found;
}

static const char *const *run_into(const char *out, const char *precision)
{
    const char *line[] = { "run", WHOLE,          "--precision", precision, "--max-new-tokens",
                           "32",  "--ignore-eos", "--out",       out,       NULL };
    return memcpy(arena_allocate(&scratch, sizeof line), line, sizeof line);
}

static const char *dumps(void)
{
    const char *folder = temporary("dumps");
    mkdir(folder, 0700);
    return folder;
}

/* A run that has written something of its file and is stopped there, so that no luck is needed to be in the middle */
static pid_t stopped_in_the_middle(const char *out)
{
    pid_t child = start_plumb(run_into(out, "fp32"), temporary(".out"));
    for (;;) {
        const char *unfinished = unfinished_in(temporary("dumps"), "out");
        struct stat status;
        if (unfinished && stat(unfinished, &status) == 0 && status.st_size > 1 << 14) break;
        int ended;
        ck_assert_msg(waitpid(child, &ended, WNOHANG) == 0, "the run has ended before it was in the middle");
        nap();
    }
    kill(child, SIGSTOP);
    int status;
    ck_assert_int_eq(waitpid(child, &status, WUNTRACED), child);
    ck_assert(WIFSTOPPED(status));
    ck_assert_ptr_nonnull(unfinished_in(temporary("dumps"), "out"));
    return child;
}

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

/* The signal ends the run as if nobody had caught it; the old file is there, or none, and nothing else. */
START_TEST(signal_leaves_nothing)
{
    const char *folder = dumps(), *out = temporary("dumps/out");
    bool is_there_before = _i % 2;
    if (is_there_before) write_text(out, "old");
    pid_t child = stopped_in_the_middle(out);
    kill(child, signals[_i / 2]);
    kill(child, SIGCONT);
    ck_assert_int_eq(status_of(child), -signals[_i / 2]);
    ck_assert_int_eq(files_in(folder), is_there_before);
    if (is_there_before) ck_assert_str_eq(read_text(out, NULL), "old");
}
END_TEST

/* Nobody can clean up after SIGKILL; but the old file is whole. */
START_TEST(kill_leaves_the_old_file)
{
    dumps();
    const char *out = temporary("dumps/out");
    write_text(out, "old");
    pid_t child = stopped_in_the_middle(out);
    kill(child, SIGKILL);
    ck_assert_int_eq(status_of(child), -SIGKILL);
    ck_assert_str_eq(read_text(out, NULL), "old");
}
END_TEST

typedef struct {
    char *bytes;
    size_t size;
} File;

static File file_of(const char *path)
{
    File file;
    file.bytes = read_text(path, &file.size);
    return file;
}

static bool is_equal(File a, File b) { return a.size == b.size && memcmp(a.bytes, b.bytes, a.size) == 0; }

static File written(const char *precision)
{
    ck_assert_int_eq(status_of(start_plumb(run_into(temporary("whole"), precision), temporary(".out"))), 0);
    return file_of(temporary("whole"));
}

/* Wherever SIGKILL strikes, the file is the old one or the new one. */
START_TEST(kill_leaves_one_whole_file)
{
    enum { ROUNDS = 12 };
    dumps();
    const char *out = temporary("dumps/out");
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    File new = written("fp32"), old = written("bf16");
    clock_gettime(CLOCK_MONOTONIC, &end);
    double whole = ((double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec)) / 2;
    for (int i = 0; i < ROUNDS; i++) {
        write_bytes(out, old.bytes, old.size);
        pid_t child = start_plumb(run_into(out, "fp32"), temporary(".out"));
        long wait = (long)(whole * 1e9 * (i + 1) / ROUNDS);
        nanosleep(&(struct timespec){ wait / 1000000000, wait % 1000000000 }, NULL);
        kill(child, SIGKILL);
        status_of(child);
        File found = file_of(out);
        ck_assert(is_equal(found, old) || is_equal(found, new));
    }
}
END_TEST

/* Both end well, and the file is one of theirs as a whole. */
START_TEST(two_writers_leave_one_whole_file)
{
    const char *folder = dumps(), *out = temporary("dumps/out");
    File one = written("fp32"), other = written("bf16");
    ck_assert(!is_equal(one, other));
    for (int i = 0; i < 8; i++) {
        pid_t first = start_plumb(run_into(out, "fp32"), temporary(".out"));
        pid_t second = start_plumb(run_into(out, "bf16"), temporary(".out2"));
        ck_assert_int_eq(status_of(first), 0);
        ck_assert_int_eq(status_of(second), 0);
        File found = file_of(out);
        ck_assert(is_equal(found, one) || is_equal(found, other));
        ck_assert_int_eq(files_in(folder), 1);
    }
}
END_TEST

/* A disk that is full in the middle, made of a limit on the size of files: exit status 2, and the old file stays. */
START_TEST(full_disk_leaves_the_old_file)
{
    const char *folder = dumps(), *out = temporary("dumps/out");
    write_text(out, "old");
    const char *line = arena_format(&scratch, "trap '' XFSZ; ulimit -f 64; exec %s run %s --out %s 2> %s > /dev/null",
                                    plumb_path, WHOLE, out, temporary("err"));
    int status = system(line);
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 2);
    const char *expected = arena_format(&scratch, "plumb: %s: cannot be written: ", out);
    ck_assert_int_eq(strncmp(read_text(temporary("err"), NULL), expected, strlen(expected)), 0);
    ck_assert_str_eq(read_text(out, NULL), "old");
    ck_assert_int_eq(files_in(folder), 1);
}
END_TEST

/* Inputs that are made of a picture have a file of their own for a while; it goes with its folder. */
START_TEST(signal_leaves_no_scratch_file)
{
    enum { ROUNDS = 20, STEP = 4 * 1000 * 1000 };
    const char *folder = dumps();
    const char *line[] = { "run",    E2B, "--image", "fixtures/image/plumb.png", "--max-soft-tokens", "70",
                           "--only", "*", NULL };
    setenv("TMPDIR", folder, 1);
    for (int i = 0; i < ROUNDS; i++) {
        pid_t child = start_plumb(line, temporary(".out"));
        nanosleep(&(struct timespec){ 0, i * STEP }, NULL);
        kill(child, signals[_i]);
        status_of(child);
        ck_assert_int_eq(files_in(folder), 0);
    }
    unsetenv("TMPDIR");
}
END_TEST

Suite *interrupted_suite(void)
{
    Suite *suite = suite_create("interrupted");
    TCase *tcase = theme(suite, "runs");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, signal_leaves_nothing, 0, 2 * COUNT(signals));
    tcase_add_test(tcase, kill_leaves_the_old_file);
    tcase_add_test(tcase, kill_leaves_one_whole_file);
    tcase_add_test(tcase, two_writers_leave_one_whole_file);
    tcase_add_test(tcase, full_disk_leaves_the_old_file);
    tcase_add_loop_test(tcase, signal_leaves_no_scratch_file, 0, COUNT(signals));
    return suite;
}
