/* output_option.h - an output must not be one of the files that the command reads
 *
 *     output_refuse((OutputOption){ "--out", path }, dump, &error);
 */
#ifndef PLUMB_OUTPUT_OPTION_H
#define PLUMB_OUTPUT_OPTION_H

#include "run/error.h"

typedef struct {
    const char *option, *path; /* path NULL or "-": nothing is refused, and neither is what is no regular file */
} OutputOption;

/* Sets error if the output is the file `input`, or one of those that are read of the folder `input`: settings, shards
 * and arrays, frames of a video, case.json and its images. NULL, or what is not there, is no input. */
void output_refuse(OutputOption output, const char *input, Error *error);

#endif
