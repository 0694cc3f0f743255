/* tiny.h - checkpoints of a few hundred weights, written for a configuration and loaded as any other
 *
 *     Tiny *tiny = tiny_open("{\"num_kv_shared_layers\": 2}");
 *     gemma4_text_mlp_forward(&tiny->m.model.layers[0].mlp, x, run);
 *     tiny_weight(tiny, "model.layers.0.mlp.gate_proj.weight")          as it lies in the file
 */
#ifndef PLUMB_TINY_H
#define PLUMB_TINY_H

#include "gemma4.h"
#include "recording.h"
#include "reference.h"

#ifdef REAL_IS_DOUBLE
#define reference reference_f64
#else
#define reference reference_f32
#endif

/* Layers 0 and 2 are sliding, 1 and 3 full. No size is another's, so that none can stand for another. */
enum {
    TINY_VOCABULARY = 23,
    TINY_HIDDEN = 12,
    TINY_INTERMEDIATE = 10,
    TINY_LAYERS = 4,
    TINY_HEADS = 4,
    TINY_KV_HEADS = 2,
    TINY_SLIDING_DIM = 6,
    TINY_FULL_DIM = 8,
    TINY_WINDOW = 3
};

/* A gemma4_text configuration with the keys of `changes` changed; json_decref it. */
json_t *tiny_config(const char *changes);
/* Makes "model" in the test's folder: config.json and weights for it. The second is a gemma4 model with a vision tower:
 * text_changes are of its text_config, changes of all. */
const char *tiny_write(const char *changes);
const char *tiny_write_multimodal(const char *text_changes, const char *changes);
/* A gemma4_unified model: patches of 12 values with positions below 7, frames of 5 samples */
const char *tiny_write_unified(const char *text_changes, const char *changes);
/* The same as tiny_write's, as Gemma4TextModel saves it: keys begin with no "model." */
const char *tiny_write_base(const char *changes);
/* Config.json alone, so that it no longer fits the weights */
void tiny_write_config(const char *changes);

typedef struct {
    json_t *config;
    Checkpoint *checkpoint;
    Error error;
    Gemma4ForCausalLM m;
} Tiny;

Tiny *tiny_open(const char *changes);
void tiny_close(Tiny *tiny);
const Array *tiny_array(const Tiny *tiny, const char *name);
Tensor tiny_weight(const Tiny *tiny, const char *name); /* its values, in scratch */
int tiny_leftovers(const Tiny *tiny);                   /* tensors of the file that nobody asked for */

/* Opens the model in folder, checks arrays (helpers.h: write_arrays) as its inputs, and records a pass over them. */
void tiny_pass(const char *folder, const char *arrays, Pass pass, Recording *recording);

/* Random ids of the vocabulary: no pad token, 0, and no placeholder of a multimodal model, from 20 on */
const int64_t *tiny_ids(int64_t count);

#endif
