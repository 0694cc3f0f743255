/* config.h - reads keys of a Hugging Face config.json
 *
 * A ConfigReader is one JSON object of the file, with its path for messages. The first error stays.
 */
#ifndef PLUMB_CONFIG_H
#define PLUMB_CONFIG_H

#include <jansson.h>
#include <stdint.h>

#include "run/error.h"

typedef struct {
    const char *file;
    const char *path;     /* "vision_config", or "" for the whole file */
    const json_t *object; /* NULL after an error */
    Error *error;
} ConfigReader;

json_t *config_open(const char *file, Error *error);         /* NULL with error set; json_decref it */
bool config_has(ConfigReader at, const char *key);           /* there, and not null */
ConfigReader config_child(ConfigReader at, const char *key); /* the object at.key */

/* A key of that type, or the error. A count is a whole number from 1 to 2^24, or to less where the key has a
 * bound in config.c: what keys are called says how large they may be. */
int config_count(ConfigReader at, const char *key);
int config_count_at_most(ConfigReader at, const char *key, int most);
double config_number(ConfigReader at, const char *key);
bool config_bool(ConfigReader at, const char *key);
const char *config_string(ConfigReader at, const char *key); /* lives as long as the JSON */

/* The same where Hugging Face has a default for a key that is absent or null. */
int config_count_or(ConfigReader at, const char *key, int otherwise);
int config_whole_or(ConfigReader at, const char *key, int otherwise); /* from 0 */
double config_number_or(ConfigReader at, const char *key, double otherwise);
bool config_bool_or(ConfigReader at, const char *key, bool otherwise);
const char *config_string_or(ConfigReader at, const char *key, const char *otherwise);

/* Sets the error "FILE: path.key: found FOUND, expected EXPECTED". */
void config_refuse(ConfigReader at, const char *key, const char *found, const char *expected);

#endif
