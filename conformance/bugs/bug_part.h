/* bug_part.h - where a bug is, in a port that has it in a part of the model, and how much of it
 *
 * A bug of the catalogue is in all that it can be in. A port may have it in one layer, in the MLP and not in the
 * per-layer gate, in one head or one picture; or at half of its strength. At each tap what lies in the part is
 * computed with the bug, and all else without it, both from the same values.
 */
#ifndef PLUMB_BUG_PART_H
#define PLUMB_BUG_PART_H

#include <stdbool.h>

#include "run/tap.h"

/* A tap is taken apart into these, element by element; but what experts add up to, by the bug's hook. Frames are those
 * of the videos beside pictures: without pictures, videos are the tower's first run, as pictures are. */
typedef enum { UNIT_NONE, UNIT_SEQUENCE, UNIT_PICTURE, UNIT_FRAME, UNIT_CLIP, UNIT_HEAD, UNIT_EXPERT, UNITS } Unit;

enum { MOST_UNITS = 64, MOST_SITES = 64, SITE_NAME_SIZE = 128 };

/* All zero: everywhere, though not at any strength */
typedef struct {
    uint64_t layers;   /* a bit for each; 0: all of them, and what is in none */
    const char *sites; /* names of sites, each behind a space; NULL: all of them */
    Unit unit;
    uint64_t units;  /* a bit for each; of elements that are of no such unit none is in the part */
    double strength; /* 1: the bug itself */
} BugPart;

bool bug_part_has(const BugPart *part, const Tap *tap); /* whether some of the tap's elements may lie in it */
/* How much of what the bug changes is left of an element of the tap, counted from the first of the whole value */
double bug_part_share(const BugPart *part, const Tap *tap, int64_t element);
int64_t unit_of(Unit unit, const Tap *tap, int64_t element); /* its number; -1: it is of none */
int64_t unit_count(Unit unit, const Tap *tap);               /* that the tap has; 0: it is of none, or of experts */

/* A site is a tap in all layers and runs: its name without "@k", and with "*" for the number of the layer. */
void site_name(char name[SITE_NAME_SIZE], const Tap *tap);

/* The sites that a bug changes */
typedef struct {
    char name[SITE_NAME_SIZE];
    uint64_t layers; /* in which it is changed; 0: the site is in none */
    int64_t units[UNITS]; /* how many it is of, at most */
} Site;

typedef struct {
    Site list[MOST_SITES];
    int count;
} Sites;

void sites_note(Sites *sites, const Tap *tap); /* once more than there is room for, none is noted */

#endif
