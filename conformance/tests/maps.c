/* maps.c - maps of names applied at test time */
#include "maps.h"

const char *complaints_text(Complaints *complaints)
{
    const char *text = "";
    for (int i = 0; i < complaints->count; i++) text = arena_format(&scratch, "%s%s\n", text, complaints->lines[i]);
    complaints_free(complaints);
    return text;
}

const char *apply_map(const char *map_json, Dump *dump, NamesCase *names_case)
{
    Complaints complaints = { .lines = NULL };
    write_text(temporary("map.json"), map_json);
    NameMap *map = name_map_open(temporary("map.json"), &complaints);
    if (map) name_map_apply(map, dump, names_case, &complaints);
    name_map_close(map);
    return complaints_text(&complaints);
}

Dump *dump_of_arrays(const char *json)
{
    Error error = { "" };
    write_arrays(temporary("dump.safetensors"), json);
    Dump *dump = dump_open(temporary("dump.safetensors"), &error);
    assert_clean(&error);
    return dump;
}
