/* arguments.h - values of options */
#ifndef PLUMB_ARGUMENTS_H
#define PLUMB_ARGUMENTS_H

#include <argp.h>

/* The argument of an option that takes a count, or a usage error */
int parse_count(struct argp_state *state, const char *option, const char *argument, int most);

/* --weights FILE, once more: what all checkpoints are read from instead of their own files */
void add_weight_file(const char *path);

#endif
