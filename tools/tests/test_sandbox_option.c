/* test_sandbox_option.c - commands behind their sandbox: what they need is still there, and they are in it */
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
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

/* A number of /proc/PID/status, of a process that has ended and was not waited for; 0: it has none */
static long left_behind(const char *const *arguments, const char *field)
{
    siginfo_t ended;
    char line[256];
    long number = 0;
    pid_t child = start_plumb(arguments, temporary(".out"));
    ck_assert_int_eq(waitid(P_PID, (id_t)child, &ended, WEXITED | WNOWAIT), 0);
    FILE *status = fopen(arena_format(&scratch, "/proc/%d/status", (int)child), "r");
    ck_assert_ptr_nonnull(status);
    while (fgets(line, sizeof line, status))
        if (strncmp(line, field, strlen(field)) == 0) number = strtol(line + strlen(field), NULL, 10);
    fclose(status);
    ck_assert_msg(status_of(child) < 2, "%s", read_text(temporary(".err"), NULL));
    return number;
}

/* Who enters it gives up new privileges for good. */
static bool gave_up(const char *const *arguments) { return left_behind(arguments, "NoNewPrivs:") == 1; }

#define MODEL TEXT "/model"

static const char *const commands[][6] = {
    { "grade", TEXT, DUMP },       { "diagnose", TEXT, DUMP },
    { "inspect", TEXT },           { "names", DUMP, TEXT },
    { "quantiser", MODEL, MODEL }, { "report", "REPORT", "--csv", "-" },
    { "merge", "SUITE" },          { "merge", "SHARD1", "SHARD2", "--json", "/dev/null" },
    { "verify", "PACKAGE" },       { "verify", "PACKAGE", "--dumps", "PORT" },
};

/* A submission of two dumps, without an own test of what is in it */
static void write_package(const char *folder, const char *package)
{
    mkdir(folder, 0700);
    write_text(arena_format(&scratch, "%s/submission.json", folder),
               "{\"port\": {\"name\": \"a\", \"version\": \"1\", \"source\": \"https://example.org\"},"
               " \"environment\": {\"machine\": \"a\"}, \"groups\": [\"text\"],"
               " \"trials\": [{\"case\": \"e2b-text\", \"class\": \"bf16\", \"dump\": \"a.safetensors\"},"
               " {\"case\": \"e2b-shared\", \"class\": \"bf16\", \"dump\": \"b.safetensors\"}]}");
    copy_file(DUMP, arena_format(&scratch, "%s/a.safetensors", folder));
    copy_file("fixtures/e2b-shared/dumps/honest-bf16-eager.safetensors",
              arena_format(&scratch, "%s/b.safetensors", folder));
    assert_status(plumb("submit", folder, "--out", package), 0);
}

/* A file of the kind that the command reads; whatever is no such word is itself */
static const char *file_of(const char *word)
{
    const char *path = temporary(word);
    if (strcmp(word, "REPORT") == 0) {
        assert_status(plumb("grade", TEXT, DUMP, "--json", path), 0);
    } else if (strcmp(word, "SHARD1") == 0 || strcmp(word, "SHARD2") == 0) {
        assert_status(plumb("grade", TEXT, DUMP, "--shard", word[5] == '1' ? "1/2" : "2/2", "--json", path), 0);
    } else if (strcmp(word, "SUITE") == 0) {
        write_text(temporary("list.json"), "{\"groups\": [{\"cases\": [\"" TEXT "\"], \"dumps\": [\"" DUMP "\"]}]}");
        assert_status(plumb("suite", temporary("list.json"), "--json", path), 0);
    } else if (strcmp(word, "PACKAGE") == 0) {
        write_package(temporary("PORT"), path);
    } else if (strcmp(word, "PORT") != 0) {
        return word;
    }
    return path;
}

START_TEST(commands_give_up)
{
    const char *words[9] = { NULL };
    int count = 0;
    for (; commands[_i][count]; count++) words[count] = file_of(commands[_i][count]);
    bool there_is_one = !strstr(plumb("--version").out, "sandbox: none");
    ck_assert_int_eq(gave_up(words), there_is_one);
    words[count++] = "--sandbox";
    words[count] = "never";
    ck_assert(!gave_up(words));
    words[count] = "sometimes";
    ck_assert_int_eq(run_plumb(words).status, 2);
}
END_TEST

static void add_never(const char *path)
{
    json_t *report = read_json(path);
    json_array_append_new(json_object_get(report, "words"), json_string("--sandbox"));
    json_array_append_new(json_object_get(report, "words"), json_string("never"));
    json_dump_file(report, path, 0);
    json_decref(report);
}

/* The command of shards' reports, which strangers may have written, turns no sandbox off: there are two of them, before
 * the reports are read and behind it. */
START_TEST(reports_turn_none_off)
{
    const char *merge[] = { "merge", file_of("SHARD1"), file_of("SHARD2"), "--json", "/dev/null", NULL };
    long filters = left_behind(merge, "Seccomp_filters:");
    add_never(merge[1]);
    add_never(merge[2]);
    ck_assert_int_eq(left_behind(merge, "Seccomp_filters:"), filters);
    ck_assert(filters == 0 || filters >= 2); /* 0: older kernels count none */
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
    tcase = theme(suite, "commands");
    tcase_add_loop_test(tcase, commands_give_up, 0, COUNT(commands));
    tcase_add_test(tcase, reports_turn_none_off);
    return suite;
}
