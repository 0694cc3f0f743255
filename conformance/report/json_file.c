/* json_file.c - JSON into an output, or to stdout */
#include "report/json_file.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "run/output.h"

/* In ASCII: a report that is printed shows no mark that turns the direction of writing. */
enum { FLAGS = JSON_INDENT(1) | JSON_REAL_PRECISION(9) | JSON_ENSURE_ASCII };

char *json_file_text(const json_t *json) { return json_dumps(json, FLAGS); }

void json_file_dump(const json_t *json, FILE *stream)
{
    json_dumpf(json, stream, FLAGS);
    putc('\n', stream);
}

void json_file_write(const char *path, json_t *json, Error *error)
{
    assert(json);
    if (strcmp(path, "-") == 0) {
        json_file_dump(json, stdout);
    } else {
        Output *output = output_open(path, error);
        if (output) {
            json_file_dump(json, output_stream(output));
            output_close(output, error);
        }
    }
    json_decref(json);
}

json_t *text_json(const char *text)
{
    json_t *string = json_string(text);
    return string ? string : json_string("(not UTF-8)");
}

json_t *lines_json(const char *text)
{
    json_t *lines = json_array();
    for (size_t length; *text; text += length + (text[length] != '\0')) {
        length = strcspn(text, "\n");
        json_array_append_new(lines, json_stringn(text, length)); /* none where it is not UTF-8 */
    }
    return lines;
}

json_t *number_json(double value) { return isfinite(value) ? json_real(value) : json_null(); }
