/* coloured_text.h - verdicts in colour, where a reader wants that */
#ifndef PLUMB_COLOURED_TEXT_H
#define PLUMB_COLOURED_TEXT_H

#include <stdbool.h>
#include <stdio.h>

typedef enum { COLOUR_AUTO, COLOUR_ALWAYS, COLOUR_NEVER } ColourWhen;

bool colour_from_name(const char *name, ColourWhen *when); /* "auto", "always", "never"; false: another */

/* Text that is collected, and printed to stdout at its end. With COLOUR_AUTO it is in colour on a terminal, unless the
 * environment has NO_COLOR or a dumb terminal. Colour is around whole words, and the text is the same without; on a
 * terminal lines are broken at its width. */
typedef struct {
    FILE *stream; /* to write to */
    char *bytes;
    size_t size;
} ColouredText;

void coloured_begin(ColouredText *text);
void coloured_end(ColouredText *text, ColourWhen when);
/* The same of text whose beginning may have been printed earlier: `shown`, which is taken over, and may be NULL. Where
 * the text begins otherwise now, it is printed whole, behind a line that says so. */
void coloured_end_after(ColouredText *text, ColourWhen when, char *shown);
void coloured_say_again(char **shown); /* that what has been shown comes anew, and forgets it */
/* Prints the text, and adds it to what has been shown, which may be NULL. -> that, to be freed */
char *coloured_show(ColouredText *text, ColourWhen when, char *shown);

#endif
