/* arguments.h - values of options */
#ifndef PLUMB_ARGUMENTS_H
#define PLUMB_ARGUMENTS_H

#include <argp.h>

#include "lockstep/shard.h"

enum { MOST_SHARDS = 1 << 20 };

/* The argument of an option that takes a count, or a usage error */
int parse_count(struct argp_state *state, const char *option, const char *argument, int most);

/* The argument of --shard: K/N, with K from 1 on */
ShardNumber parse_shard(struct argp_state *state, const char *argument);

/* --weights FILE, once more: what all checkpoints are read from instead of their own files */
void add_weight_file(const char *path);

#endif
