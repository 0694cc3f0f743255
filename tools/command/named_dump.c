/* named_dump.c - a dump, its names mapped onto taps where a map is given */
#include <stdio.h>

#include "command/plumb.h"
#include "names/name_map.h"

Dump *open_named_dump(Case *c, const char *path, const char *names, Error *error)
{
    Complaints complaints = { .lines = NULL };
    Dump *dump = dump_open(path, error);
    NameMap *map = dump && names ? name_map_open(names, &complaints) : NULL;
    NamesCase names_case = { .model = c->model, .inputs = &c->inputs };
    if (map) name_map_apply(map, dump, &names_case, &complaints);
    complaints_report(&complaints, stderr, "plumb: ", error);
    names_case_free(&names_case);
    name_map_close(map);
    complaints_free(&complaints);
    if (error_is_set(error)) {
        dump_close(dump);
        return NULL;
    }
    return dump;
}
