/* test_outputs.c - what the commands write: never over an input, and through what is no regular file */
#include "command.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { MOST_ARGUMENTS = 12 };
#define DUMP "case/dump.safetensors"
#define IMAGE "case/plumb.png"
#define REPORT "case/report.json"

/* In these, a word that begins with "case" is a file of the test's folder, and OUT is the output. */
#define OUT "*"
static const char *const writers[][MOST_ARGUMENTS] = {
    { "run", "case", "--only", "*.embed_vision", "--out", OUT },
    { "generate", "case", "--model", WHOLE "/model", "--inputs", WHOLE "/inputs.safetensors", "--max-new-tokens", "1",
      "--logits", OUT },
    { "preprocess", "case", "--image", IMAGE, "--max-soft-tokens", "70", "--out", OUT },
    { "preprocess", "case", "--image", IMAGE, "--bug", "resize-bilinear", "--out", OUT },
    { "grade", "case", DUMP, "--only", "*.embed_vision", "--json", OUT },
    { "diagnose", "case", DUMP, "--only", "*.embed_vision", "--json", OUT },
    { "compare", DUMP, DUMP, "--json", OUT },
    { "inspect", "case", "--json", OUT },
    { "names", DUMP, "case", "--write", OUT },
    { "report", REPORT, "--html", OUT },
    { "report", REPORT, "--csv", OUT },
};

static const char *made_case(void)
{
    const char *folder = copied_case(E2B);
    copy_file(HONEST, temporary(DUMP));
    copy_file("fixtures/image/plumb.png", temporary(IMAGE));
    write_text(temporary("case/case.json"), "{\"images\": [\"plumb.png\"]}");
    assert_status(plumb("grade", E2B, HONEST, "--only", "*.embed_vision", "--json", temporary(REPORT)), 0);
    return folder;
}

/* The command line of a writer, whose output is `out` */
static const char *const *line_of(const char *const *words, const char *out)
{
    const char **line = arena_allocate(&scratch, MOST_ARGUMENTS * sizeof *line);
    for (int i = 0; i < MOST_ARGUMENTS; i++) {
        bool is_ours = words[i] && strncmp(words[i], "case", 4) == 0;
        line[i] = !words[i] ? NULL : is_ours ? temporary(words[i]) : strcmp(words[i], OUT) == 0 ? out : words[i];
    }
    return line;
}

/* ---------------------------------------------------------------- inputs */

/* The writer's place in the table, and an input of it */
static const struct {
    int writer;
    const char *input;
} refused[] = {
    { 0, "case/inputs.safetensors" },
    { 0, "case/model/model.safetensors" },
    { 0, "case/model/config.json" },
    { 0, "case/case.json" },
    { 0, IMAGE },
    { 1, "case/case.json" },
    { 2, IMAGE },
    { 2, "case/model/config.json" },
    { 3, IMAGE },
    { 4, DUMP },
    { 4, "case/inputs.safetensors" },
    { 4, "case/model/model.safetensors" },
    { 5, DUMP },
    { 6, DUMP },
    { 7, "case/model/model.safetensors" },
    { 7, "case/inputs.safetensors" },
    { 8, DUMP },
    { 8, "case/model/model.safetensors" },
    { 9, REPORT },
    { 10, REPORT },
};

static void assert_refuses(const char *const *words, const char *out, const char *input)
{
    size_t before, after;
    const char *bytes = read_text(input, &before);
    Result result = run_plumb(line_of(words, out));
    assert_one_line(result,
                    (const char *const[]){ out, "which is read", strcmp(words[0], "run") == 0 ? "--out" : "--", NULL });
    ck_assert(memcmp(read_text(input, &after), bytes, before) == 0 && before == after);
}

START_TEST(input_is_refused)
{
    made_case();
    int files = files_in(temporary("case"));
    assert_refuses(writers[refused[_i].writer], temporary(refused[_i].input), temporary(refused[_i].input));
    ck_assert_int_eq(files_in(temporary("case")), files);
}
END_TEST

/* Another name of an input is the input. */
START_TEST(other_names_are_refused)
{
    made_case();
    const char *input = temporary("case/inputs.safetensors");
    ck_assert_int_eq(symlink(input, temporary("symbolic")), 0);
    ck_assert_int_eq(link(input, temporary("hard")), 0);
    assert_refuses(writers[0], temporary("symbolic"), input);
    assert_refuses(writers[0], temporary("hard"), input);
    assert_refuses(writers[0], temporary("case/model/../inputs.safetensors"), input);
}
END_TEST

/* Files of options, other weights, shards whatever their names are, arrays of a folder, and frames of a video */
START_TEST(rarer_inputs_are_refused)
{
    made_case();
    write_text(temporary("names.json"), "{}");
    assert_refuses(
        (const char *const[MOST_ARGUMENTS]){ "grade", "case", DUMP, "--names", temporary("names.json"), "--json", OUT },
        temporary("names.json"), temporary("names.json"));
    assert_refuses((const char *const[MOST_ARGUMENTS]){ "names", DUMP, "case", "--names", temporary("names.json"),
                                                        "--write", OUT },
                   temporary("names.json"), temporary("names.json"));

    copy_file(temporary("case/model/model.safetensors"), temporary("weights"));
    const char *weights = temporary("weights");
    assert_refuses((const char *const[MOST_ARGUMENTS]){ "run", "case", "--weights", weights, "--out", OUT }, weights,
                   weights);

    mkdir(temporary("video"), 0700);
    copy_file("fixtures/image/plumb.png", temporary("video/1.png"));
    assert_refuses(
        (const char *const[MOST_ARGUMENTS]){ "preprocess", "case", "--video", temporary("video"), "--out", OUT },
        temporary("video/1.png"), temporary("video/1.png"));

    write_text(temporary("video/a.npy"), "");
    assert_refuses((const char *const[MOST_ARGUMENTS]){ "grade", "case", temporary("video"), "--json", OUT },
                   temporary("video/a.npy"), temporary("video/a.npy"));

    rename(temporary("case/model/model.safetensors"), temporary("case/model/weights"));
    write_text(temporary("case/model/model.safetensors.index.json"), "{\"weight_map\": {\"a\": \"weights\"}}");
    assert_refuses(writers[0], temporary("case/model/weights"), temporary("case/model/weights"));

    write_text(temporary("ids"), "2 105\n");
    assert_refuses((const char *const[MOST_ARGUMENTS]){ "preprocess", "case", "--image", IMAGE, "--prompt-ids",
                                                        temporary("ids"), "--out", OUT },
                   temporary("ids"), temporary("ids"));
}
END_TEST

/* A file beside the inputs is none of them, and may be written twice. */
START_TEST(neighbour_is_written)
{
    made_case();
    static const char *const places[] = { "case/expected.safetensors", "case/model/mine.safetensors" };
    for (int i = 0; i < 2 * COUNT(places); i++) {
        Result result = run_plumb(line_of(writers[0], temporary(places[i / 2])));
        assert_status(result, 0);
    }
}
END_TEST

/* ---------------------------------------------------------------- devices and links */

static bool made_device(const char *path, unsigned minor)
{
    bool made = mknod(path, S_IFCHR | 0600, makedev(1, minor)) == 0;
    int file = made ? open(path, O_WRONLY) : -1;
    if (file < 0) fprintf(stderr, "outputs: a test is skipped: no device node can be made and opened here\n");
    if (file >= 0) close(file);
    return file >= 0;
}

static void assert_is_device(const char *path)
{
    struct stat status;
    ck_assert(lstat(path, &status) == 0 && S_ISCHR(status.st_mode));
}

static const char *const *writer_into(int i, const char *out)
{
    made_case();
    return line_of(writers[i], out);
}

START_TEST(null_device_stays)
{
    const char *path = temporary("null");
    if (!made_device(path, 3)) return;
    Result result = run_plumb(writer_into(_i, path));
    assert_status(result, 0);
    assert_is_device(path);
}
END_TEST

START_TEST(full_device_stays)
{
    const char *path = temporary("full");
    if (!made_device(path, 7)) return;
    Result result = run_plumb(writer_into(_i, path));
    assert_status(result, 2);
    ck_assert_str_eq(result.err,
                     arena_format(&scratch, "plumb: %s: cannot be written: No space left on device\n", path));
    assert_is_device(path);
}
END_TEST

START_TEST(dev_full)
{
    Result result = run_plumb(writer_into(_i, "/dev/full"));
    assert_status(result, 2);
    ck_assert_str_eq(result.err, "plumb: /dev/full: cannot be written: No space left on device\n");
    assert_is_device("/dev/full");
}
END_TEST

START_TEST(link_stays)
{
    struct stat status;
    const char *const *line = writer_into(_i, temporary("link"));
    write_text(temporary("target"), "old");
    ck_assert_int_eq(symlink("target", temporary("link")), 0);
    Result result = run_plumb(line);
    assert_status(result, 0);
    ck_assert(lstat(temporary("link"), &status) == 0 && S_ISLNK(status.st_mode));
    ck_assert(lstat(temporary("target"), &status) == 0 && S_ISREG(status.st_mode));
    ck_assert_str_ne(read_text(temporary("target"), NULL), "old");
}
END_TEST

/* ---------------------------------------------------------------- stdout */

static const char *const printers[][MOST_ARGUMENTS] = {
    { "run", E2B, "--list" },
    { "generate", WHOLE, "--max-new-tokens", "1" },
    { "grade", E2B, HONEST },
    { "grade", E2B, HONEST, "--json", "-" },
    { "diagnose", E2B, HONEST },
    { "compare", HONEST, HONEST },
    { "inspect", HONEST },
    { "inspect", HONEST, "--json", "-" },
    { "bugs" },
    { "explain-model", TEXT },
    { "--help" },
    { "--version" },
};

START_TEST(full_stdout)
{
    ck_assert_int_eq(status_of(start_plumb(printers[_i], "/dev/full")), 2);
    ck_assert_str_eq(read_text(temporary(".err"), NULL), "plumb: stdout: cannot be written: No space left on device\n");
}
END_TEST

Suite *outputs_suite(void)
{
    Suite *suite = suite_create("outputs");
    TCase *tcase = theme(suite, "inputs");
    tcase_add_loop_test(tcase, input_is_refused, 0, COUNT(refused));
    tcase_add_test(tcase, other_names_are_refused);
    tcase_add_test(tcase, rarer_inputs_are_refused);
    tcase_add_test(tcase, neighbour_is_written);
    tcase = theme(suite, "devices");
    tcase_add_loop_test(tcase, null_device_stays, 0, COUNT(writers));
    tcase_add_loop_test(tcase, full_device_stays, 0, COUNT(writers));
    tcase_add_loop_test(tcase, dev_full, 0, COUNT(writers));
    tcase_add_loop_test(tcase, link_stays, 0, COUNT(writers));
    tcase = theme(suite, "stdout");
    tcase_add_loop_test(tcase, full_stdout, 0, COUNT(printers));
    return suite;
}
