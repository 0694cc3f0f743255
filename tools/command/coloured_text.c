/* coloured_text.c - green for PASS, red for FAIL, bold for a bug's name; lines as wide as the terminal */
#include "command/coloured_text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/terminal.h"
#include "run/arena.h"
#include "run/shown_text.h"

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

static void print_line(const char *line, bool colour)
{
    for (const char *at = line; *at; at++) {
        int i = colour ? word_at(at, line) : -1;
        if (i >= 0) {
            printf("%s%s" PLAIN, words[i].colour, words[i].word);
            at += strlen(words[i].word) - 1;
        } else {
            putchar(*at);
        }
    }
}

static void print(char *text, ColourWhen when)
{
    bool colour = wants_colour(when);
    int columns = terminal_columns(STDOUT_FILENO);
    for (char *line = text, *end; *line; line = end) {
        end = line + strcspn(line, "\n");
        bool whole = *end == '\n';
        if (whole) *end++ = '\0';
        hide_controls(line);
        char *wrapped = text_wrapped(line, columns);
        print_line(wrapped, colour);
        if (whole) putchar('\n');
        free(wrapped);
    }
}

void coloured_say_again(char **shown)
{
    printf("\ngraded again, by what was found of the dump:\n");
    free(*shown);
    *shown = NULL;
}

void coloured_end_after(ColouredText *text, ColourWhen when, char *shown)
{
    fclose(text->stream);
    size_t length = shown ? strlen(shown) : 0;
    bool goes_on = length == 0 || strncmp(text->bytes, shown, length) == 0;
    if (!goes_on) coloured_say_again(&shown);
    print(text->bytes + (goes_on ? length : 0), when);
    free(text->bytes);
    free(shown);
}

void coloured_end(ColouredText *text, ColourWhen when) { coloured_end_after(text, when, NULL); }

char *coloured_show(ColouredText *text, ColourWhen when, char *shown)
{
    fclose(text->stream);
    size_t length = shown ? strlen(shown) : 0;
    shown = reallocate(shown, length + text->size + 1, 1);
    strcpy(shown + length, text->bytes);
    print(text->bytes, when);
    fflush(stdout);
    free(text->bytes);
    return shown;
}
