/* test_hostile_files.c - files that would make the program wait, or ask it for more than they are worth */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#include "command.h"

#define PLUMB_PNG "fixtures/image/plumb.png"

/* ---------------------------------------------------------------- what is not a file */

/* Each command reads the file `replaced` of the case, or one beside the case. */
static const struct {
    const char *replaced, *arguments[10];
} opened[] = {
    { "case/model/config.json", { "inspect", "case" } },
    { "case/model/model.safetensors", { "inspect", "case" } },
    { "case/model/model.safetensors.index.json", { "inspect", "case" } },
    { "case/model/generation_config.json", { "generate", "case", "--prompt-ids", "2", "--max-new-tokens", "1" } },
    { "case/model/processor_config.json", { "preprocess", "case", "--image", "a.png", "--out", "out" } },
    { "case/model/preprocessor_config.json", { "preprocess", "case", "--image", "a.png", "--out", "out" } },
    { "case/inputs.safetensors", { "run", "case" } },
    { "case/case.json", { "bugs", "--case", "case" } },
    { "case/case.json", { "grade", "case", "case/inputs.safetensors" } },
    { "dump.safetensors", { "grade", "case", "dump.safetensors" } },
    { "dump.npz", { "grade", "case", "dump.npz" } },
    { "arrays/a.npy", { "compare", "arrays", "arrays" } },
    { "map.json", { "grade", "case", "case/inputs.safetensors", "--names", "map.json" } },
    { "a.gguf", { "run", "case", "--weights", "a.gguf" } },
    { "a.png", { "preprocess", "case", "--image", "a.png", "--out", "out" } },
    { "a.wav", { "preprocess", "unified", "--audio", "a.wav", "--out", "out" } },
    { "ids", { "preprocess", "case", "--image", PLUMB_PNG, "--prompt-ids", "ids", "--out", "out" } },
};

static const char *placed(const char *argument)
{
    static const char *const names[] = { "case", "arrays", "dump.", "map.", "a.", "ids", "out" };
    if (strcmp(argument, "unified") == 0) return "fixtures/12b-video-audio";
    for (int i = 0; i < COUNT(names); i++)
        if (strncmp(argument, names[i], strlen(names[i])) == 0) return temporary(argument);
    return argument;
}

static Result run_placed(const char *const *arguments)
{
    const char *list[12] = { 0 };
    for (int i = 0; arguments[i]; i++) list[i] = placed(arguments[i]);
    return run_plumb(list);
}

static void copy_opened_case(const char *replaced)
{
    bool generates = strstr(replaced, "generation_config") != NULL;
    copied_case(generates ? TEXT : E2B);
    mkdir(temporary("arrays"), 0700);
    if (strstr(replaced, "index.json")) unlink(temporary("case/model/model.safetensors"));
    unlink(temporary(replaced));
    mkdir(temporary("arrays"), 0700);
}

static void assert_not_a_file(int i)
{
    const char *names[] = { strrchr(opened[i].replaced, '/') ? strrchr(opened[i].replaced, '/') : opened[i].replaced,
                            "found something that is not a file, expected ", NULL };
    assert_one_line(run_placed(opened[i].arguments), names);
}

START_TEST(a_pipe)
{
    copy_opened_case(opened[_i].replaced);
    ck_assert_int_eq(mkfifo(temporary(opened[_i].replaced), 0600), 0);
    assert_not_a_file(_i);
}
END_TEST

START_TEST(a_device)
{
    copy_opened_case(opened[_i].replaced);
    ck_assert_int_eq(symlink("/dev/zero", temporary(opened[_i].replaced)), 0);
    assert_not_a_file(_i);
}
END_TEST

/* ---------------------------------------------------------------- JSON */

static const char *repeated(const char *text, size_t count)
{
    size_t length = strlen(text);
    char *all = arena_allocate(&scratch, length * count + 1);
    for (size_t i = 0; i < count; i++) memcpy(all + i * length, text, length);
    all[length * count] = '\0';
    return all;
}

static const char *const json_files[] = { "case/model/config.json", "case/case.json", "map.json",
                                          "case/model/model.safetensors.index.json" };
static const char *const json_commands[][8] = {
    { "inspect", "case" },
    { "bugs", "--case", "case" },
    { "grade", "case", "case/inputs.safetensors", "--names", "map.json" },
    { "inspect", "case" },
};

START_TEST(deep_json)
{
    copy_opened_case(json_files[_i]);
    write_text(temporary(json_files[_i]), repeated("[", 100000));
    assert_one_line(run_placed(json_commands[_i]),
                    (const char *const[]){ strrchr(json_files[_i], '/') ? strrchr(json_files[_i], '/') : "map.json",
                                           "nested 100000 deep, expected at most 64 (--max-json-depth)", NULL });
    write_text(temporary(json_files[_i]), arena_format(&scratch, "{\"a\": \"%s\"}", repeated("[{\\\"", 500)));
    ck_assert_ptr_null(strstr(run_placed(json_commands[_i]).err, "nested")); /* brackets in a string are text */
}
END_TEST

START_TEST(long_json)
{
    copy_opened_case(json_files[_i]);
    write_text(temporary(json_files[_i]), repeated(" ", (1 << 24) + 1));
    assert_one_line(run_placed(json_commands[_i]),
                    (const char *const[]){ "found 16777217 bytes, expected at most 16777216 (--max-json)", NULL });
}
END_TEST

START_TEST(limits_are_raised)
{
    const char *deep = arena_format(&scratch, "{\"a\": %s%s}", repeated("[", 70), repeated("]", 70));
    const char *const ways[][2] = { { "--max-json-depth", "71" }, { "--max-json-depth", "70" } };
    copied_case(E2B);
    write_text(temporary("case/model/config.json"), deep);
    Result raised = plumb("inspect", temporary("case"), ways[0][0], ways[0][1]);
    ck_assert_ptr_nonnull(strstr(raised.err, "model_type: found no such key"));
    Result kept = plumb("inspect", temporary("case"), ways[1][0], ways[1][1]);
    ck_assert_ptr_nonnull(strstr(kept.err, "nested 71 deep, expected at most 70"));
    assert_status(plumb("inspect", E2B "/inputs.safetensors", "--max-arrays", "2"), 0);
    assert_one_line(plumb("inspect", E2B "/inputs.safetensors", "--max-arrays", "1"),
                    (const char *const[]){ "inputs.safetensors: header: found 2 arrays, expected at most 1", NULL });
    assert_one_line(plumb("inspect", E2B "/inputs.safetensors", "--max-json", "10"),
                    (const char *const[]){ "inputs.safetensors: header: found ", "at most 10 (--max-json)", NULL });
}
END_TEST

START_TEST(limits_are_counts)
{
    static const char *const options[] = { "--max-json", "--max-json-depth", "--max-arrays", "--max-expansion",
                                           "--max-steps" };
    for (int i = 0; i < COUNT(options); i++) {
        Result result = plumb("inspect", E2B, options[i], "0");
        assert_status(result, 2);
        ck_assert_ptr_nonnull(strstr(result.err, arena_format(&scratch, "%s: found 0, expected a whole", options[i])));
    }
    ck_assert_ptr_nonnull(strstr(plumb("inspect", E2B, "--max-json-depth", "2049").err, "from 1 to 2048"));
}
END_TEST

/* ---------------------------------------------------------------- decode steps */

/* An array of each of the first `steps` decode steps, and one of step `last` */
static const char *dump_of_steps(int steps, int last, const char *name)
{
    const char *arrays = arena_format(&scratch, "\"%s@%d\": [1.5]", name, last);
    for (int k = 1; k <= steps; k++) arrays = arena_format(&scratch, "%s, \"%s@%d\": [1.5]", arrays, name, k);
    write_arrays(temporary("dump.safetensors"), arena_format(&scratch, "{%s}", arrays));
    return temporary("dump.safetensors");
}

static const char *const step_commands[] = { "grade", "diagnose", "names" };

/* Each step that has no array is a pass of the model all the same, many times over. */
START_TEST(few_arrays_of_many_steps)
{
    const char *command = step_commands[_i], *map = temporary("map.json");
    const char *says[] = { "dump.safetensors: found decode step 100000, and no array of 99996 of those before it",
                           "expected at most 64 such steps (--max-steps)", NULL };
    write_text(map, "{\"theirs@{}\": \"logits@{}\"}");
    assert_one_line(plumb(command, TEXT, dump_of_steps(3, 100000, "logits")), says);
    assert_one_line(plumb(command, TEXT, dump_of_steps(3, 100000, "theirs"), "--names", map), says);
}
END_TEST

/* Steps 4 to 67 have no array; then steps 4 to 68. */
START_TEST(more_steps_are_asked_for)
{
    const char *few = dump_of_steps(3, 68, "logits");
    Result allowed = plumb("grade", TEXT, few), refused, raised;
    refused = plumb("grade", TEXT, dump_of_steps(3, 69, "logits"));
    raised = plumb("grade", TEXT, temporary("dump.safetensors"), "--max-steps", "65");
    ck_assert_ptr_nonnull(strstr(allowed.err, "no other array that can be graded"));
    ck_assert_ptr_nonnull(strstr(refused.err, "no array of 65 of those before it, expected at most 64"));
    ck_assert_ptr_nonnull(strstr(raised.err, "no other array that can be graded"));
}
END_TEST

/* ---------------------------------------------------------------- names */

/* Each name that is no tap may be compared with every tap: of thousands of them it is not, and not a line for each. */
START_TEST(many_names_that_are_no_taps)
{
    enum { NAMES = 3000 };
    char *arrays = arena_format(&scratch, "%*s", 40 * NAMES, ""), *at = arrays;
    int lines = 0;
    for (int i = 0; i < NAMES; i++) at += sprintf(at, "%c\"a.%d.attn.q_proj\": [1.5]", i ? ',' : '{', i);
    strcpy(at, "}");
    write_arrays(temporary("dump.safetensors"), arrays);
    Result graded = plumb("grade", TEXT, temporary("dump.safetensors"));
    assert_status(graded, 3);
    ck_assert_ptr_nonnull(strstr(graded.out, " more arrays that are no taps (plumb names lists them)\n"));
    for (const char *line = graded.out; (line = strchr(line, '\n')); line++) lines++;
    ck_assert_int_lt(lines, NAMES / 2);
    Result listed = plumb("names", temporary("dump.safetensors"), TEXT);
    ck_assert_ptr_nonnull(strstr(listed.out, "?  not compared, behind so many other names that are no taps\n"));
}
END_TEST

/* ---------------------------------------------------------------- archives */

static const char *npy_of_zeros(size_t bytes, size_t *size)
{
    const char *dict = arena_format(&scratch, "{'descr': '|u1', 'fortran_order': False, 'shape': (%zu,), }", bytes);
    size_t length = strlen(dict);
    char *npy = memset(arena_allocate(&scratch, 10 + length + bytes), 0, 10 + length + bytes);
    memcpy(npy, "\x93NUMPY\1", 7);
    npy[8] = (char)length;
    memcpy(npy + 10, dict, length);
    *size = 10 + length + bytes;
    return npy;
}

/* Six members of 50 MB of zeros, which take 50 KB each */
START_TEST(zip_bomb)
{
    size_t size;
    const char *path = temporary("bomb.npz"), *npy = npy_of_zeros(50 << 20, &size);
    zip_t *zip = zip_open(path, ZIP_CREATE, NULL);
    for (int i = 0; i < 6; i++)
        ck_assert_int_ge(
            zip_file_add(zip, arena_format(&scratch, "a%d.npy", i), zip_source_buffer(zip, npy, size, 0), 0), 0);
    ck_assert_int_eq(zip_close(zip), 0);
    assert_one_line(plumb("inspect", path),
                    (const char *const[]){ "bomb.npz: a5.npy: found 524288", "unpacks to", "(--max-expansion)", NULL });
    assert_status(plumb("inspect", path, "--max-expansion", "1100"), 0);
    assert_status(plumb("inspect", path, "--max-expansion", "1100", "--max-arrays", "6"), 0);
    assert_one_line(plumb("inspect", path, "--max-expansion", "1100", "--max-arrays", "5"),
                    (const char *const[]){ "found another array, expected at most 5 (--max-arrays)", NULL });
}
END_TEST

/* ---------------------------------------------------------------- case.json */

static const char *const outside[] = { "/etc/passwd", "../a.png", "model/../../a.png", "..", "link.png", "up/a.png" };

START_TEST(case_stays_in_its_folder)
{
    copied_case(E2B);
    copy_file(PLUMB_PNG, temporary("a.png"));
    ck_assert_int_eq(symlink("../a.png", temporary("case/link.png")), 0);
    ck_assert_int_eq(symlink("..", temporary("case/up")), 0);
    write_text(temporary("case/case.json"), arena_format(&scratch, "{\"images\": [\"%s\"]}", outside[_i]));
    assert_one_line(plumb("grade", temporary("case"), temporary("case/inputs.safetensors")),
                    (const char *const[]){ "case.json: images: found ", outside[_i],
                                           ", expected a name inside of the case's folder", NULL });
}
END_TEST

Suite *hostile_files_suite(void)
{
    Suite *suite = suite_create("hostile_files");
    TCase *tcase = theme(suite, "not_files");
    tcase_add_loop_test(tcase, a_pipe, 0, COUNT(opened));
    tcase_add_loop_test(tcase, a_device, 0, COUNT(opened));
    tcase = theme(suite, "json");
    tcase_add_loop_test(tcase, deep_json, 0, COUNT(json_files));
    tcase_add_loop_test(tcase, long_json, 0, COUNT(json_files));
    tcase_add_test(tcase, limits_are_raised);
    tcase_add_test(tcase, limits_are_counts);
    tcase = theme(suite, "decode steps");
    tcase_add_loop_test(tcase, few_arrays_of_many_steps, 0, COUNT(step_commands));
    tcase_add_test(tcase, more_steps_are_asked_for);
    tcase_add_test(theme(suite, "names"), many_names_that_are_no_taps);
    tcase = theme(suite, "archives");
    tcase_add_test(tcase, zip_bomb);
    tcase = theme(suite, "case");
    tcase_add_loop_test(tcase, case_stays_in_its_folder, 0, COUNT(outside));
    return suite;
}
