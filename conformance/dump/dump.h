/* dump.h - a backend's activations: a safetensors file, an .npz file, or a folder of .npy files
 *
 *     Dump *dump = dump_open("yours.safetensors", NULL, &error);
 *     const Array *value = dump_find(dump, "model.embed_vision");
 */
#ifndef PLUMB_DUMP_H
#define PLUMB_DUMP_H

#include "checkpoint/array.h"
#include "run/error.h"

typedef struct Dump Dump;

/* names: a map from the backend's names to ours (names.h), or NULL. NULL with error set. */
Dump *dump_open(const char *path, const char *names, Error *error);
void dump_close(Dump *dump); /* NULL is fine */
int dump_count(const Dump *dump);
const Array *dump_array(const Dump *dump, int index);      /* sorted by name */
const Array *dump_find(const Dump *dump, const char *tap); /* NULL if absent */

#endif
