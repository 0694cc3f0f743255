/* shown_text.h - text of strangers on its way to a terminal or a log
 *
 * Names in files, and names of files, may hold what moves a cursor, colours, or begins a line that looks like one of
 * the program's; what shows a name in another order than it has; or what nobody sees, so that two names look like one.
 * Each byte of such a character becomes "?": of control characters, in UTF-8 too, of separators of lines, and of all
 * that Unicode shows as nothing (Default_Ignorable_Code_Point), marks of direction among them.
 */
#ifndef PLUMB_SHOWN_TEXT_H
#define PLUMB_SHOWN_TEXT_H

#include <stddef.h>

void hide_controls(char *text); /* as many bytes as before */

/* The text itself where it has none, or what fits of it in copy */
const char *shown_text(char *copy, size_t size, const char *text);
#define SHOWN_TEXT(text) shown_text((char[1024]){ 0 }, 1024, text)

#endif
