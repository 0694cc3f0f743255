/* error.c - the sticky one-line error */
#include "run/error.h"

#include <stdarg.h>
#include <stdio.h>

#include "run/shown_text.h"

void error_set(Error *error, const char *format, ...)
{
    if (error_is_set(error)) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    hide_controls(error->message); /* names come from files; the message stays one line */
}

bool error_is_set(const Error *error) { return error->message[0] != '\0'; }
