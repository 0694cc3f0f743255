/* terminal.h - how wide a terminal is, and text that fits it */
#ifndef PLUMB_TERMINAL_H
#define PLUMB_TERMINAL_H

#include <stdio.h>

int terminal_columns(int descriptor); /* 0: it is no terminal, or does not say */

/* A line without its end, broken at spaces where it is wider; what goes on is indented. columns 0: as it is. -> text,
 * to be freed */
char *text_wrapped(const char *line, int columns);

#endif
