/* arguments.c - numbers, or argp's two lines and exit status 2 */
#include "command/arguments.h"

#include "checkpoint/checkpoint.h"

#include <stdlib.h>
#include <string.h>

int parse_count(struct argp_state *state, const char *option, const char *argument, int most)
{
    char *end;
    long count = strtol(argument, &end, 10);
    if (*end || end == argument || count < 1 || count > most)
        argp_error(state, "%s: found %s, expected a whole number from 1 to %d", option, argument, most);
    return (int)count;
}

/* Digits, a slash, digits: as many as MOST_SHARDS has, so that both fit an int */
ShardNumber parse_shard(struct argp_state *state, const char *argument)
{
    static const char digits[] = "0123456789";
    size_t k = strspn(argument, digits), n = argument[k] == '/' ? strspn(argument + k + 1, digits) : 0;
    bool fits = k > 0 && k < 8 && n > 0 && n < 8 && !argument[k + 1 + n];
    int shard = fits ? atoi(argument) : 0, shards = fits ? atoi(argument + k + 1) : 0;
    if (shard < 1 || shard > shards || shards > MOST_SHARDS)
        argp_error(state, "--shard: found %s, expected K/N with K from 1 to N, and N up to %d", argument, MOST_SHARDS);
    return (ShardNumber){ shard - 1, shards };
}

void add_weight_file(const char *path)
{
    static const char **files;
    static size_t count;
    files = reallocate(files, count + 2, sizeof *files);
    files[count++] = path;
    files[count] = NULL;
    weight_files = files;
}
