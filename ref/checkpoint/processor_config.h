/* processor_config.h - the JSON files beside a model that set one of its processors
 *
 *     static const char *const keys[] = { "image_processor", NULL },
 *                              *const files[] = { "processor_config.json", "preprocessor_config.json", NULL };
 *     ConfigReader at = { .error = &error };
 *     json_t *whole = processor_config_open("model", keys, files, &at, &arena);
 *     if (whole) { .. config_bool_or(at, ..) ..; json_decref(whole); }
 */
#ifndef PLUMB_PROCESSOR_CONFIG_H
#define PLUMB_PROCESSOR_CONFIG_H

#include "checkpoint/config.h"
#include "run/arena.h"

/* The first of the files that is there; processor_config.json counts only where it holds one of the keys, and then only
 * the first such object of it does. NULL without an error where there is nothing. */
json_t *processor_config_open(const char *folder, const char *const *keys, const char *const *files, ConfigReader *at,
                              Arena *arena);

#endif
