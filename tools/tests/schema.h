/* schema.h - holds a value to a JSON schema, as far as docs/report.schema.json needs that */
#ifndef PLUMB_SCHEMA_H
#define PLUMB_SCHEMA_H

#include <jansson.h>

/* Fails the test where value is not what the schema says: type, const, enum, properties, required,
 * additionalProperties, items, $ref into $defs. Other keys that constrain are left to make check-report. */
void assert_follows_schema(const json_t *root, const json_t *value);

#endif
