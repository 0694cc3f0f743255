/* name_map.h - a backend's own names and layouts, mapped onto taps
 *
 * A map is a JSON file of {"their name": entry}; docs/names.md says what entries can say. The first entry that fits a
 * name is the one that counts. Arrays that no entry fits stay as they are.
 *
 *     NameMap *map = name_map_open("names.json", &complaints);
 *     if (map) name_map_apply(map, dump, &names_case, &complaints);
 */
#ifndef PLUMB_NAME_MAP_H
#define PLUMB_NAME_MAP_H

#include "dump/dump.h"
#include "names/complaints.h"
#include "names/names_case.h"

/* An array of the dump became this; several where it was split. */
typedef struct {
    Array array;         /* as it came */
    const char *pattern; /* of its entry; NULL: no entry fits, and it stays */
    const char *tap;     /* NULL: it was dropped */
} Fate;

typedef struct NameMap NameMap;

/* The file, compiled and checked: unknown keys, operations that do not go together, names that cannot be filled,
 * entries that no array can reach. NULL with complaints. */
NameMap *name_map_open(const char *path, Complaints *complaints);
/* The dump's arrays become those of the map. Complaints: an operation that its array does not fit; two sources for one
 * tap; no entry is used at all. The case may be NULL where no operation needs one. */
void name_map_apply(NameMap *map, Dump *dump, NamesCase *names_case, Complaints *complaints);
void name_map_close(NameMap *map); /* NULL is fine; the dump does not need it any more */

int name_map_fates(const NameMap *map, const Fate **fates); /* -> how many; in the order of the dump */
/* Entries that fitted no array and are not optional; NULL-terminated */
const char *const *name_map_unused(const NameMap *map);

#endif
