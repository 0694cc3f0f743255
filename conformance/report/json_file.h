/* json_file.h - writes JSON whole or not at all */
#ifndef PLUMB_JSON_FILE_H
#define PLUMB_JSON_FILE_H

#include <jansson.h>
#include <stdio.h>

#include "run/error.h"

/* Takes json over. path "-" is stdout; otherwise a temporary name is written and renamed. */
void json_file_write(const char *path, json_t *json, Error *error);

char *json_file_text(const json_t *json); /* to be freed; as json_file_dump writes it */
void json_file_dump(const json_t *json, FILE *stream);
json_t *text_json(const char *text); /* "(not UTF-8)" where it is not */
json_t *lines_json(const char *text);
json_t *number_json(double value);   /* null where it is not finite: JSON knows neither NaN nor infinity */

#endif
