/* usage_report.c - stderr lies in a file while arguments are parsed */
#include "command/usage_report.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/plumb.h"
#include "report/report_file.h"

static struct {
    const char *kind, *path;
    char **arguments;
    FILE *caught; /* what was written to stderr; NULL: it is not caught */
    int stderr_before;
} usage;

/* As argp would find it: the last --json FILE, --json=FILE, -j FILE or -jFILE. NULL: there is none */
static const char *json_path(char **arguments)
{
    const char *path = NULL;
    for (char **a = arguments; *a && strcmp(*a, "--") != 0; a++) {
        if (strncmp(*a, "--json=", 7) == 0)
            path = *a + 7;
        else if (strncmp(*a, "-j", 2) == 0 && (*a)[2])
            path = *a + 2;
        else if ((strcmp(*a, "--json") == 0 || strcmp(*a, "-j") == 0) && a[1])
            path = *++a;
    }
    return path;
}

/* Which words are inputs nobody knows: none of them may be written over. */
static void refuse_inputs(Error *error)
{
    for (char **a = usage.arguments; *a; a++) {
        const char *value = strncmp(*a, "--", 2) == 0 ? strchr(*a, '=') : NULL;
        const char *word = value ? value + 1 : *a;
        if (word != usage.path) output_refuse((OutputOption){ "--json", usage.path }, word, error);
    }
}

/* argp's first line without "plumb grade: " before it */
static void first_line(const char *text, Error *error)
{
    const char *said = strncmp(text, "plumb ", 6) == 0 ? strstr(text, ": ") : NULL;
    said = said && said < text + strcspn(text, "\n") ? said + 2 : text;
    error_set(error, "%.*s", (int)strcspn(said, "\n"), said);
}

static void write_report(const char *text)
{
    Error refused = { "" }, error = { "" };
    ReportFile file = { .path = usage.path, .kind = usage.kind, .arguments = usage.arguments };
    refuse_inputs(&refused);
    if (error_is_set(&refused)) return;
    report_file_open(&file, &refused);
    first_line(text, &error);
    report_file_close(&file, NULL, STATUS_BAD_INPUT, &error);
    fflush(stdout);
}

/* The text that was caught goes to stderr after all. -> it, to be freed; NULL: there was none */
static char *let_go(void)
{
    fflush(stderr);
    dup2(usage.stderr_before, STDERR_FILENO);
    close(usage.stderr_before);
    char *text = NULL;
    size_t size = 0;
    rewind(usage.caught);
    bool any = getdelim(&text, &size, '\0', usage.caught) > 0;
    fclose(usage.caught);
    usage.caught = NULL;
    if (any) {
        fputs(text, stderr);
        return text;
    }
    free(text);
    return NULL;
}

static void at_end(void)
{
    if (!usage.caught) return;
    char *text = let_go();
    if (text) write_report(text); /* --help says nothing on stderr */
    free(text);
}

void usage_report_begin(const char *kind, char **arguments)
{
    usage.kind = kind;
    usage.arguments = arguments;
    usage.path = json_path(arguments);
    usage.caught = usage.path ? tmpfile() : NULL;
    if (!usage.caught) return;
    fflush(stderr);
    usage.stderr_before = dup(STDERR_FILENO);
    if (usage.stderr_before < 0 || dup2(fileno(usage.caught), STDERR_FILENO) < 0 || atexit(at_end) != 0) {
        fclose(usage.caught);
        usage.caught = NULL;
    }
}

void usage_report_end(void)
{
    if (usage.caught) free(let_go());
}
