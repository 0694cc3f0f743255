/* coloured_text.h - verdicts in colour, where a reader wants that */
#ifndef PLUMB_COLOURED_TEXT_H
#define PLUMB_COLOURED_TEXT_H

#include <stdbool.h>
#include <stdio.h>

typedef enum { COLOUR_AUTO, COLOUR_ALWAYS, COLOUR_NEVER } ColourWhen;

bool colour_from_name(const char *name, ColourWhen *when); /* "auto", "always", "never"; false: another */

/* Text that is collected, and printed to stdout at its end. With COLOUR_AUTO it is in colour on a terminal, unless the
 * environment has NO_COLOR or a dumb terminal. Colour is around whole words, and the text is the same without. */
typedef struct {
    FILE *stream; /* to write to */
    char *bytes;
    size_t size;
} ColouredText;

void coloured_begin(ColouredText *text);
void coloured_end(ColouredText *text, ColourWhen when);

#endif
