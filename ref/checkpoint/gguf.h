/* gguf.h - llama.cpp's file of weights
 *
 * The file is mapped, not read; arrays point into the mapping. Their names are llama.cpp's, their shapes are turned
 * round, as Hugging Face has them: rows first. A file is accepted whole or refused: strings and lists within the file,
 * known types, whole blocks in each row, and data that follows the header tensor after tensor.
 * https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
#ifndef PLUMB_GGUF_H
#define PLUMB_GGUF_H

#include "checkpoint/array.h"
#include "run/error.h"

typedef struct Gguf Gguf;

bool gguf_is_one(const char *path);              /* begins as such a file does, or ends in .gguf */
Gguf *gguf_open(const char *path, Error *error); /* NULL with error set */
void gguf_close(Gguf *file);                     /* NULL is fine */
int gguf_count(const Gguf *file);
const Array *gguf_array(const Gguf *file, int index); /* in the file's order */
void gguf_let_go(Gguf *file);                         /* of the pages read so far; they come back from the file */

#endif
