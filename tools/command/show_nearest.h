/* show_nearest.h - what an array that is no tap may be */
#ifndef PLUMB_SHOW_NEAREST_H
#define PLUMB_SHOW_NEAREST_H

#include <stdio.h>

#include "names/proposals.h"

void show_nearest(FILE *out, const NamesCase *c, const Proposal *proposal); /* to the end of the line */
/* A line for each array of the dump that has one of the names */
void show_nearest_of(FILE *out, const Dump *dump, const char *const *names, int count, NamesCase *c);

#endif
