/* test_style.c - tools/make/style.sh finds what it is there to find */
#include "command.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define SIX "int a, int b, int c, int d, int (*e)(int, int, int), int f"

/* A file is text, or `end` behind so many times `again`; says NULL: it is as it should be. */
static const struct {
    const char *name, *text;
    int times;
    const char *again, *end, *says;
} files[] = {
    { "a.c", NULL, 120, "x", "\n", NULL },
    { "a.c", NULL, 120, "\303\251", "\n", NULL }, /* two bytes a character */
    { "a.c", NULL, 121, "x", "\n", ":1: found a line of 121 characters, expected 120 at most" },
    { "a.py", NULL, 121, "x", "\n", ":1: found a line of 121 characters" },
    { "a.c", "int x;\nint f(" SIX ");\n", 0, "", "", NULL },
    { "a.c", "int x;\nint f(" SIX ", int g);\n", 0, "", "", ":2: found a function of 7 parameters" },
    { "a.c", "static int f(int a, int b, int c, /* d, e, */\n       int d,\n       int e, int f, int g)\n{\n}\n", 0, "",
      "", ":3: found a function of 7 parameters" },
    { "a.c", "static inline __attribute__((x)) void f(" SIX ", int g)\n{\n", 0, "", "", ":1: found a function of 7" },
    { "a.c", "static const int a[] = { F(1, 2, 3, 4, 5, 6, 7) };\n", 0, "", "", NULL },
    { "a.c",
      "/"
      "* What it does. */\n",
      0, "", "", ":1: found a comment that begins with Of or What" },
    { "a.c", "/* It does something.\n * Of that there is more. */\n", 0, "", "", ":2: found a comment that begins" },
    { "a.c", "/* Whatever. Of that there is more. */\n", 0, "", "", NULL },
    { "a.c", "int f(void)\n{\n", 60, "    f();\n", "}\n", NULL },
    { "a.c", "int f(void)\n{\n", 61, "    f();\n", "}\n", ":64: found a function of 61 lines, expected sixty at most" },
    { "conformance/a.c", NULL, 300, "x\n", "", NULL },
    { "conformance/a.c", NULL, 301, "x\n", "", ": found 301 lines, expected 300 at most" },
    { "conformance/bugs/a.c", NULL, 301, "x\n", "", NULL },
    { "ref/a.c", NULL, 301, "x\n", "", NULL },
};

START_TEST(file)
{
    static const char *const folders[] = { "ref", "conformance", "conformance/bugs" };
    for (int i = 0; i < COUNT(folders); i++) mkdir(temporary(folders[i]), 0700);
    const char *path = temporary(files[_i].name), *says = files[_i].says;
    FILE *out = fopen(path, "w");
    if (files[_i].text) fputs(files[_i].text, out);
    for (int i = 0; i < files[_i].times; i++) fputs(files[_i].again, out);
    fputs(files[_i].end, out);
    fclose(out);

    int status = system(arena_format(&scratch, "sh tools/make/style.sh %s > %s", path, temporary("out")));
    const char *found = read_text(temporary("out"), NULL);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == (says != NULL), "%s", found);
    const char *expected = says ? arena_format(&scratch, "style: %s%s", path, says)
                                : "style: 1 files, as they should be";
    ck_assert_msg(strncmp(found, expected, strlen(expected)) == 0, "found %s, expected %s", found, expected);
}
END_TEST

Suite *style_suite(void)
{
    Suite *suite = suite_create("style");
    TCase *tcase = theme(suite, "files");
    tcase_add_loop_test(tcase, file, 0, COUNT(files));
    return suite;
}
