/* maps.h - maps of names applied at test time */
#ifndef PLUMB_MAPS_H
#define PLUMB_MAPS_H

#include "dumps.h"
#include "names/name_map.h"

Dump *dump_of_arrays(const char *json);                                         /* as write_arrays'; to be closed */
const char *complaints_text(Complaints *complaints);                            /* a line each, or ""; frees them */
const char *apply_map(const char *map_json, Dump *dump, NamesCase *names_case); /* -> the complaints */

#endif
