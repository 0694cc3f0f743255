/* dump.h - a backend's activations: a safetensors file, an .npz file, or a folder of .safetensors or .npy files
 *
 *     Dump *dump = dump_open("yours.safetensors", &error);
 *     const Array *value = dump_find(dump, "model.embed_vision");
 */
#ifndef PLUMB_DUMP_H
#define PLUMB_DUMP_H

#include "checkpoint/array.h"
#include "run/arena.h"
#include "run/error.h"

typedef struct Dump Dump;

Dump *dump_open(const char *path, Error *error); /* NULL with error set */
void dump_close(Dump *dump);                     /* NULL is fine */
int dump_count(const Dump *dump);
const Array *dump_array(const Dump *dump, int index);      /* sorted by name */
const Array *dump_find(const Dump *dump, const char *tap); /* NULL if absent */

/* Takes other arrays in the place of its own, no two of one name. They may lie in the arena, which lives as long. */
void dump_replace(Dump *dump, const Array *arrays, int count);
Arena *dump_arena(Dump *dump);

/* The dump with other arrays, sorted by name. It lies in the arena, is not to be closed, and lives as long as dump. */
const Dump *dump_holding(const Dump *dump, const Array *arrays, int count, Arena *arena);

#endif
