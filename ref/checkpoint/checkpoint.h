/* checkpoint.h - the tensors of a Hugging Face checkpoint folder, in one file or in shards
 *
 * model.safetensors, or the shards that model.safetensors.index.json names. Every tensor remembers whether the model
 * asked for it, so that leftovers can be reported. Codes and scales are tensors like any other here:
 * quantization_config.h makes weights of them.
 */
#ifndef PLUMB_CHECKPOINT_H
#define PLUMB_CHECKPOINT_H

#include "checkpoint/gguf.h"
#include "checkpoint/safetensors.h"
#include "run/arena.h"

typedef struct {
    const Array *array;
    const Array *finite; /* the array, once it was read and found finite */
    bool asked;          /* the model has a place for it */
    bool is_part;        /* codes, scales and the like, of which a weight was made (module_parts.h) */
    bool is_stack;       /* made of matrices of single experts (expert_stack.h) */
} CheckpointTensor;

typedef struct {
    Arena arena; /* paths and layer tables of the model that is loaded from here */
    const char *folder;
    const char *file; /* model.safetensors or the index: where a missing tensor is missing from */
    Safetensors **shards;
    int shard_count;
    Gguf **ggufs;
    int gguf_count;
    CheckpointTensor *tensors; /* of all shards, sorted by name */
    int tensor_count;
    const Array **made; /* weights that codes and scales stand for; in tensors too */
    int made_count;
    InputCodes cache;      /* of keys and values, as the configuration says or the backend declares */
    bool is_borrowed;      /* all but the arena and the table of tensors is another's */
    bool has_model_prefix; /* keys begin with "model."; without it the base model was saved alone */
} Checkpoint;

/* Files that are opened instead of a folder's own, safetensors or GGUF, ending in NULL; NULL: none. --weights sets it
 * once for the whole program, before a checkpoint is opened. */
extern const char *const *weight_files;

/* Gives its quantised weights declared_inputs instead of what the configuration says */
void checkpoint_declare_inputs(Checkpoint *checkpoint);

Checkpoint *checkpoint_open(const char *folder, Error *error); /* NULL with error set */
/* The same tensors in a table of its own, of the other's files; close it first. */
Checkpoint *checkpoint_borrow(const Checkpoint *checkpoint);
/* Gives tensors of GGUF files Hugging Face's names; text: what those of the text model begin with */
void checkpoint_name_ggufs(Checkpoint *checkpoint, const char *text, Error *error);
void checkpoint_sort(Checkpoint *checkpoint);   /* after tensors changed */
void checkpoint_close(Checkpoint *checkpoint);  /* NULL is fine */
void checkpoint_let_go(Checkpoint *checkpoint); /* of the pages read so far; they come back from the files */
/* By its name in Hugging Face's model, whichever the file has (conversion_mapping.h); NULL if absent */
CheckpointTensor *checkpoint_find(Checkpoint *checkpoint, const char *name);
/* The same to read from, where name begins with "model." as in the whole model, whether or not the file's names do */
const Array *checkpoint_array(const Checkpoint *checkpoint, const char *name);
const char *checkpoint_key(const Checkpoint *checkpoint, const char *name); /* such a name, as the file's names begin */

#endif
