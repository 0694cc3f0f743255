/* complaints.h - what is wrong with a file, a line each, where one line would hide the others */
#ifndef PLUMB_COMPLAINTS_H
#define PLUMB_COMPLAINTS_H

#include <stdio.h>

#include "run/arena.h"
#include "run/error.h"

typedef struct {
    Arena arena;
    char **lines;
    int count;
} Complaints;

void complain(Complaints *complaints, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Prints all but the last, each behind `before`, and sets the error to the last; nothing where there is none. */
void complaints_report(const Complaints *complaints, FILE *out, const char *before, Error *error);
void complaints_free(Complaints *complaints);

#endif
