/* complaints.c - a list of lines */
#include "names/complaints.h"

#include <stdarg.h>
#include <stdlib.h>

#include "run/shown_text.h"

void complain(Complaints *complaints, const char *format, ...)
{
    enum { MOST = 1024 };
    char *line = arena_allocate(&complaints->arena, MOST);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, MOST, format, arguments);
    va_end(arguments);
    hide_controls(line);
    complaints->lines = grown(complaints->lines, complaints->count, sizeof *complaints->lines);
    complaints->lines[complaints->count++] = line;
}

void complaints_report(const Complaints *complaints, FILE *out, const char *before, Error *error)
{
    if (complaints->count == 0) return;
    for (int i = 0; i < complaints->count - 1; i++) fprintf(out, "%s%s\n", before, complaints->lines[i]);
    error_set(error, "%s", complaints->lines[complaints->count - 1]);
}

void complaints_free(Complaints *complaints)
{
    free(complaints->lines);
    arena_free(&complaints->arena);
    *complaints = (Complaints){ .lines = NULL };
}
