/* coloured_text.c - green for PASS, red for FAIL, bold for a bug's name */
#include "command/coloured_text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GREEN "\033[1;32m"
#define RED "\033[1;31m"
#define YELLOW "\033[1;33m"
#define BOLD "\033[1m"
#define PLAIN "\033[0m"

/* Words that stand at the beginning of a line, or behind two spaces as a column's text does */
static const struct {
    const char *word, *colour;
    bool in_columns;
} words[] = {
    { "PASS", GREEN, false },
    { "FAIL", RED, true },
    { "NOTHING GRADED", YELLOW, false },
    { "matches known bug", BOLD, false },
    { "below the noise:", BOLD, false },
};
enum { WORDS = sizeof words / sizeof *words };

bool colour_from_name(const char *name, ColourWhen *when)
{
    static const char *const names[] = { "auto", "always", "never" };
    for (int i = 0; i < 3; i++)
        if (strcmp(name, names[i]) == 0) {
            *when = (ColourWhen)i;
            return true;
        }
    return false;
}

static bool wants_colour(ColourWhen when)
{
    if (when != COLOUR_AUTO) return when == COLOUR_ALWAYS;
    const char *no = getenv("NO_COLOR"), *terminal = getenv("TERM");
    return isatty(STDOUT_FILENO) && !(no && *no) && terminal && strcmp(terminal, "dumb") != 0;
}

void coloured_begin(ColouredText *text)
{
    *text = (ColouredText){ 0 };
    text->stream = open_memstream(&text->bytes, &text->size);
    assert(text->stream);
}

static int word_at(const char *at, const char *line)
{
    for (int i = 0; i < WORDS; i++) {
        bool placed = at == line || (words[i].in_columns && at - line >= 2 && at[-1] == ' ' && at[-2] == ' ');
        if (placed && strncmp(at, words[i].word, strlen(words[i].word)) == 0) return i;
    }
    return -1;
}

void coloured_end(ColouredText *text, ColourWhen when)
{
    fclose(text->stream);
    bool colour = wants_colour(when);
    const char *line = text->bytes;
    for (const char *at = text->bytes; *at; at++) {
        int i = colour ? word_at(at, line) : -1;
        if (i >= 0) {
            printf("%s%s" PLAIN, words[i].colour, words[i].word);
            at += strlen(words[i].word) - 1;
        } else {
            putchar(*at);
        }
        if (*at == '\n') line = at + 1;
    }
    free(text->bytes);
}
