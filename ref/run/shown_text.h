/* shown_text.h - text of strangers on its way to a terminal or a log
 *
 * Names in files, and names of files, may hold what moves a cursor, colours, or begins a line that looks like one of
 * the program's. Each control character becomes "?", of UTF-8 too: U+0080 to U+009F, the separators of lines, and what
 * turns the direction of writing.
 */
#ifndef PLUMB_SHOWN_TEXT_H
#define PLUMB_SHOWN_TEXT_H

#include <stddef.h>

void hide_controls(char *text); /* as many bytes as before */

/* The text itself where it has none, or what fits of it in copy */
const char *shown_text(char *copy, size_t size, const char *text);
#define SHOWN_TEXT(text) shown_text((char[1024]){ 0 }, 1024, text)

#endif
