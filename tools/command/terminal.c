/* terminal.c - COLUMNS, or what the terminal itself says */
#include "command/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "run/arena.h"

enum { INDENT = 6, NARROWEST = 20 };

int terminal_columns(int descriptor)
{
    struct winsize size;
    const char *told = getenv("COLUMNS");
    if (!isatty(descriptor)) return 0;
    int columns = told ? atoi(told) : 0;
    if (columns <= 0 && ioctl(descriptor, TIOCGWINSZ, &size) == 0) columns = size.ws_col;
    return columns <= 0 ? 0 : columns < NARROWEST ? NARROWEST : columns;
}

/* Where the line is broken: behind its last space that fits, or within a word that is too long for that */
static size_t place_to_break(const char *line, size_t length, size_t room)
{
    if (length <= room) return length;
    for (size_t i = room; i > INDENT; i--)
        if (line[i] == ' ') return i;
    return room;
}

char *text_wrapped(const char *line, int columns)
{
    size_t length = strlen(line), used = 0;
    char *text = allocate_zeroed(length * (INDENT + 2) + 2, 1), *to = text;
    if (columns == 0) return strcpy(text, line);
    while (length > 0) {
        size_t room = (size_t)columns - (used > 0 ? INDENT : 0), part = place_to_break(line, length, room);
        if (used > 0) to += sprintf(to, "\n%*s", INDENT, "");
        memcpy(to, line, part);
        to += part;
        used += part;
        line += part;
        length -= part;
        while (*line == ' ' && length > 0) line++, length--;
    }
    return text;
}
