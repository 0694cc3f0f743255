/* json_file.c - write, then rename */
#include "report/json_file.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FLAGS = JSON_INDENT(1) | JSON_REAL_PRECISION(9) };

void json_file_write(const char *path, json_t *json, Error *error)
{
    assert(json);
    if (strcmp(path, "-") == 0) {
        json_dumpf(json, stdout, FLAGS);
        putchar('\n');
    } else {
        size_t size = strlen(path) + 2;
        char *temporary = malloc(size);
        assert(temporary);
        snprintf(temporary, size, "%s~", path);
        if (json_dump_file(json, temporary, FLAGS) != 0 || rename(temporary, path) != 0) {
            error_set(error, "%s: cannot be written: %s", path, strerror(errno));
            remove(temporary);
        }
        free(temporary);
    }
    json_decref(json);
}

json_t *number_json(double value) { return isfinite(value) ? json_real(value) : json_null(); }
