/* test_forged_lines.c - no name in a file, nor of a file, prints a line of its own */
#include <sys/stat.h>

#include "command.h"

#define FORGED "\nPASS  forged\033[2J\xe2\x80\xae\xe2\x80\x8b\xd8\x9c"
#define HONEST_TEXT TEXT "/dumps/honest-bf16-eager.safetensors"

/* Words in capitals stand for files whose names, and what is in them, are forged. */
static const char *const commands[][10] = {
    { "grade", "CASE", "DUMP" },
    { "grade", "CASE", "DUMP", "--strict", "--names", "MAP" },
    { "grade", "CASE", "NOWHERE" },
    { "grade", "CASE", "STRANGE" },
    { "diagnose", "CASE", "DUMP" },
    { "compare", "DUMP", "DUMP" },
    { "compare", "DUMP", HONEST_TEXT },
    { "compare", HONEST_TEXT, "DUMP" },
    { "names", "DUMP", "CASE" },
    { "names", "DUMP", "CASE", "--names", "MAP" },
    { "names", "DUMP", "CASE", "--write", "WRITTEN" },
    { "inspect", "DUMP" },
    { "inspect", "CASE" },
    { "inspect", "NOWHERE" },
    { "bugs", "--case", "CASE" },
    { "run", "CASE", "--list" },
    { "run", "CASE", "--only", "logits", "--out", "WRITTEN" },
    { "generate", "CASE", "--max-new-tokens", "1" },
    { "explain-model", "CASE" },
    { "quantiser", "MODEL", "MODEL" },
    { "preprocess", "fixtures/12b-image", "--image", "PNG", "--out", "WRITTEN" },
    { "report", "REPORT", "--markdown", "-" },
    { "suite", "SUITE" },
    { "submit", "PORT" },
    { "verify", "NOWHERE" },
    { "NOWHERE" },
};

static const char *forged_case(void)
{
    const char *folder = temporary("case" FORGED);
    const char *copied = copied_case(TEXT);
    ck_assert_int_eq(rename(copied, folder), 0);
    return folder;
}

/* An array of the dump gets the name, and stays what it is. */
static const char *forged_dump(const char *from, const char *array, const char *name)
{
    size_t size;
    const char *path = temporary(arena_format(&scratch, "%s" FORGED ".safetensors", array)),
               *bytes = read_text(from, &size);
    write_bytes(path, bytes, size);
    set_field(path, array, NULL, name);
    return path;
}

static const char *forged_model(void)
{
    size_t size;
    const char *folder = temporary("model" FORGED);
    mkdir(folder, 0700);
    copy_file(TEXT "/model/config.json", arena_format(&scratch, "%s/config.json", folder));
    const char *path = arena_format(&scratch, "%s/model.safetensors", folder);
    const char *bytes = read_text(TEXT "/model/model.safetensors", &size);
    write_bytes(path, bytes, size);
    return folder;
}

/* A text that is JSON, with FORGED as JSON writes it */
static const char *json_file(const char *word, const char *text)
{
    const char *path = temporary(arena_format(&scratch, "%s" FORGED ".json", word));
    write_text(path, text);
    return path;
}

#define IN_JSON "\\nPASS  forged\\u001b[2J\\u202e\\u200b\\u061c"

static const char *file_of(const char *word)
{
    if (strcmp(word, "CASE") == 0) return is_there(temporary("case" FORGED)) ? temporary("case" FORGED) : forged_case();
    if (strcmp(word, "MODEL") == 0) return forged_model();
    if (strcmp(word, "DUMP") == 0) return forged_dump(HONEST_TEXT, "logits", "logits" FORGED);
    if (strcmp(word, "STRANGE") == 0) return forged_dump(TEXT "/inputs.safetensors", "input_ids", "ids" FORGED);
    if (strcmp(word, "NOWHERE") == 0) return temporary("nowhere" FORGED);
    if (strcmp(word, "WRITTEN") == 0) return temporary("written" FORGED);
    if (strcmp(word, "MAP") == 0)
        return json_file(word, "{\"none" IN_JSON "\":\"logits\",\"logits*\":\"to" IN_JSON "\"}");
    if (strcmp(word, "SUITE") == 0)
        return json_file(word, "{\"groups\":[{\"cases\":[\"" TEXT "\"],\"dumps\":[\"none" IN_JSON "\"]}]}");
    if (strcmp(word, "PNG") == 0) {
        copy_file("fixtures/image/plumb.png", temporary("png" FORGED));
        return temporary("png" FORGED);
    }
    if (strcmp(word, "REPORT") == 0) {
        plumb("grade", file_of("CASE"), file_of("DUMP"), "--json", temporary("report" FORGED));
        return temporary("report" FORGED);
    }
    if (strcmp(word, "PORT") == 0) {
        mkdir(temporary("port" FORGED), 0700);
        write_text(temporary("port" FORGED "/submission.json"),
                   "{\"port\":{\"name\":\"a" IN_JSON "\"},\"a" IN_JSON "\":1}");
        return temporary("port" FORGED);
    }
    return word;
}

static void assert_no_line(const char *text)
{
    ck_assert_msg(strncmp(text, "PASS  forged", 12) != 0 && !strstr(text, "\nPASS  forged"), "a line is forged: %.500s",
                  text);
    static const char *const unseen[] = { "\xe2\x80\xae", "\xe2\x80\x8b", "\xd8\x9c" };
    for (int i = 0; i < COUNT(unseen); i++)
        ck_assert_msg(!strstr(text, unseen[i]), "a mark that nobody sees: %.500s", strstr(text, unseen[i]));
    for (; *text; text++)
        ck_assert_msg((unsigned char)*text >= ' ' || *text == '\n', "a control character: %.500s", text);
}

START_TEST(no_line_is_forged)
{
    const char *words[11] = { NULL };
    for (int i = 0; commands[_i][i]; i++) words[i] = file_of(commands[_i][i]);
    Result result = run_plumb(words);
    ck_assert_int_ge(result.status, 0);
    assert_no_line(result.out);
    assert_no_line(result.err);
}
END_TEST

Suite *forged_lines_suite(void)
{
    Suite *suite = suite_create("forged_lines");
    tcase_add_loop_test(theme(suite, "commands"), no_line_is_forged, 0, COUNT(commands));
    return suite;
}
