/* named_dump.c - a dump as it is graded: its names mapped onto taps, and what nobody wants left out */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>

#include "command/plumb.h"
#include "dump/decode_steps.h"
#include "names/name_map.h"

/* The dump without the arrays of such names */
static void leave_out(Dump *dump, const Globs *excluded)
{
    int kept = 0, count = dump_count(dump);
    Array *arrays = allocate_zeroed((size_t)count + 1, sizeof *arrays);
    for (int i = 0; i < count; i++) {
        bool out = excluded->count > 0 && globs_match(excluded, dump_array(dump, i)->name);
        if (!out) arrays[kept++] = *dump_array(dump, i);
    }
    if (kept < count) dump_replace(dump, arrays, kept);
    free(arrays);
}

static void list_unused(const NameMap *map, json_t *unused)
{
    for (const char *const *name = name_map_unused(map); *name; name++)
        json_array_append_new(unused, json_string(*name));
}

Dump *open_named_dump(Case *c, const char *path, const DumpNames *names, Error *error)
{
    Complaints complaints = { .lines = NULL };
    Dump *dump = dump_open(path, error);
    NameMap *map = dump && names->map ? name_map_open(names->map, &complaints) : NULL;
    NamesCase names_case = { .model = c->model, .inputs = &c->inputs };
    if (map) name_map_apply(map, dump, &names_case, &complaints);
    complaints_report(&complaints, stderr, "plumb: ", error);
    if (!error_is_set(error)) decode_steps_check_count(dump, error);
    if (!error_is_set(error)) {
        if (map) list_unused(map, names->unused);
        leave_out(dump, &names->excluded);
    }
    names_case_free(&names_case);
    name_map_close(map);
    complaints_free(&complaints);
    if (error_is_set(error)) {
        dump_close(dump);
        return NULL;
    }
    return dump;
}
