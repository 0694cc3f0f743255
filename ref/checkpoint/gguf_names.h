/* gguf_names.h - llama.cpp's names of tensors as Hugging Face's, of text models and of mmproj files
 *
 * Source: gguf-py's tensor_mapping.py and the Gemma 4 classes of convert_hf_to_gguf.py, which also reshape some: clip
 * bounds have one dimension, and the patch embedder's weight has its colours first.
 */
#ifndef PLUMB_GGUF_NAMES_H
#define PLUMB_GGUF_NAMES_H

#include "checkpoint/array.h"
#include "run/arena.h"

/* The array as Hugging Face has it. text: what its text model's names begin with, "model." or "model.language_model.";
 * a name that is not known stays, and so does its array. */
const Array *gguf_renamed(const Array *array, const char *text, Arena *arena);

#endif
