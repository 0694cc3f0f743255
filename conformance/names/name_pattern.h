/* name_pattern.h - names with holes
 *
 * In a pattern of a backend's names "{}" stands for a number, "*" for any text that is not empty, and "@{}" at the end
 * for a run, "@1", "@2", .. or nothing. A pattern without "@" fits a name whatever its run is.
 *
 * In a tap "{}" is the next number that was found, "{0}", "{1}", .. the first, second, .. of them, "*" the next text,
 * "{i}" the place of a part (name_map.h), and "@{}" the run, which is left out where it is 0.
 */
#ifndef PLUMB_NAME_PATTERN_H
#define PLUMB_NAME_PATTERN_H

#include <stdbool.h>

#include "run/arena.h"

enum { PATTERN_MOST_HOLES = 8 };

typedef struct {
    const char *start;
    int length;
} Span;

/* This stood in the holes of a pattern; it points into the name, which must live as long as it. */
typedef struct {
    Span numbers[PATTERN_MOST_HOLES], texts[PATTERN_MOST_HOLES];
    int number_count, text_count;
    const char *run; /* "@2", or "", of a name whose pattern says nothing about runs */
} Captured;

bool name_pattern_fits(const char *pattern, const char *name, Captured *captured);
/* place: of the part, for "{i}" */
const char *name_pattern_fill(const char *tap, const Captured *captured, long long place, Arena *arena);
long long captured_number(const Captured *captured, int index);
/* Says what is wrong with a pattern or with a tap that is filled from it, as "found .., expected .."; NULL: nothing. */
const char *name_pattern_complaint(const char *pattern);
const char *name_pattern_tap_complaint(const char *pattern, const char *tap);
bool name_pattern_has_place(const char *tap); /* "{i}" */

#endif
