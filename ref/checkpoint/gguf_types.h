/* gguf_types.h - the types of tensors in GGUF files: plain ones, and ggml's blocks of codes and scales */
#ifndef PLUMB_GGUF_TYPES_H
#define PLUMB_GGUF_TYPES_H

#include "checkpoint/array.h"
#include "run/arena.h"

enum { GGUF_LARGEST_BLOCK = 256 };

/* A block taken apart: element i is (codes[i] - 2^(bits - 1)) * scales[g] of its group g, or codes[i] * scales[g] -
 * mins[g] where its type has mins. */
typedef struct {
    unsigned char codes[GGUF_LARGEST_BLOCK];
    double scales[GGUF_LARGEST_BLOCK / 16], mins[GGUF_LARGEST_BLOCK / 16];
    double scale_step, min_step; /* of which those of a block are multiples; 0 where a block has one scale */
} GgufBlock;

typedef struct {
    uint32_t id; /* ggml's number */
    const char *name;
    int64_t block, bytes; /* elements of a block and its size; 0 of a type that is not read */
    Dtype dtype;          /* of a plain one; DTYPE_ENCODED */
    int scales[2];        /* where a block's float16 numbers lie; -1: none */
    int bits, group;      /* of a code, and elements with one scale */
    void (*take_apart)(const unsigned char *bytes, GgufBlock *out);
} GgufType;

const GgufType *gguf_type(uint32_t id);   /* NULL if ggml has none of that number */
extern const char *const gguf_types_read; /* names, for a message */
/* count whole blocks of the type, and where they lie; the bytes must last */
Encoding *gguf_encoding(const GgufType *type, int64_t count, Arena *arena);
void gguf_place(Encoding *encoding, const unsigned char *data);

#endif
