/* case_files.h - files that case.json names: those which a case's inputs are made from */
#ifndef PLUMB_CASE_FILES_H
#define PLUMB_CASE_FILES_H

#include "checkpoint/config.h"
#include "processor/processor.h"

/* NULL without error where the folder has no case.json. *at reads it, while arena lives. */
json_t *case_json_open(const char *folder, ConfigReader *at, Arena *arena, Error *error);

/* The list under a key, at least one name. kind: "PNG files". A name may not lead out of the folder. */
Paths case_files(ConfigReader at, const char *key, const char *kind, const char *folder, Arena *arena);

#endif
