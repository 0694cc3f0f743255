/* arguments.c - numbers, or argp's two lines and exit status 2 */
#include "command/arguments.h"

#include "checkpoint/checkpoint.h"

#include <stdlib.h>

int parse_count(struct argp_state *state, const char *option, const char *argument, int most)
{
    char *end;
    long count = strtol(argument, &end, 10);
    if (*end || end == argument || count < 1 || count > most)
        argp_error(state, "%s: found %s, expected a whole number from 1 to %d", option, argument, most);
    return (int)count;
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
