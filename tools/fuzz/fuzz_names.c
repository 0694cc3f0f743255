/* fuzz_names.c - maps of names, applied to a dump that a map of the seeds fits */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz/fuzz.h"
#include "fuzz/fuzz_changes.h"
#include "names/name_map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Error error = { "" };
    Complaints complaints = { 0 };
    bool has_case = size % 4 == 0; /* which costs a pass for the taps */
    NamesCase names_case = { .model = has_case ? fuzz_tiny()->model : NULL,
                             .inputs = has_case ? &fuzz_tiny()->inputs : NULL };
    Dump *dump = dump_open(fuzz_seed("names.npz"), &error);
    if (!dump) abort();
    NameMap *map = name_map_open(fuzz_put("map.json", data, size), &complaints);
    if (map) name_map_apply(map, dump, &names_case, &complaints);
    for (int i = 0; map && complaints.count == 0 && i < dump_count(dump); i++) fuzz_read_array(dump_array(dump, i));
    name_map_close(map);
    names_case_free(&names_case);
    complaints_free(&complaints);
    dump_close(dump);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    return fuzz_mutate_json(data, size, max_size, seed);
}
