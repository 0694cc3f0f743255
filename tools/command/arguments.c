/* arguments.c - numbers, or argp's two lines and exit status 2 */
#include "command/arguments.h"

#include <stdlib.h>

int parse_count(struct argp_state *state, const char *option, const char *argument, int most)
{
    char *end;
    long count = strtol(argument, &end, 10);
    if (*end || end == argument || count < 1 || count > most)
        argp_error(state, "%s: found %s, expected a whole number from 1 to %d", option, argument, most);
    return (int)count;
}
