/* shard_fields.h - members of a grade's structs as JSON and back, to the last bit
 *
 * Numbers are written as C writes them in hexadecimal, in text: JSON knows neither NaN nor infinity.
 */
#ifndef PLUMB_SHARD_FIELDS_H
#define PLUMB_SHARD_FIELDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

typedef enum { FIELD_REAL, FIELD_INT, FIELD_INT64, FIELD_BOOL, FIELD_VERDICT } FieldKind;

typedef struct {
    const char *name; /* NULL ends a table */
    size_t offset;
    FieldKind kind;
} ShardField;

extern const ShardField shard_step_listed[]; /* of Step: what the first pass knows, which all shards run */
extern const ShardField shard_step_graded[]; /* the rest */
extern const ShardField shard_end[];         /* of End */
extern const ShardField shard_tie[];         /* of Tie */
extern const ShardField shard_match[];       /* of Match */

void shard_fields_write(json_t *object, const ShardField *fields, const void *from);
bool shard_fields_read(const json_t *object, const ShardField *fields, void *to); /* false: one is not there */

#endif
