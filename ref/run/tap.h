/* tap.h - what a hook sees of a forward pass, whichever real it computes in */
#ifndef PLUMB_TAP_H
#define PLUMB_TAP_H

#include <stddef.h>
#include <stdint.h>

/* The arithmetic of a backend. Every operation of nn/ rounds its result as Hugging Face does in that dtype. */
typedef enum {
    ROUNDING_NONE,     /* whatever real is */
    ROUNDING_TF32,     /* factors of matrix products to 11 significant bits, nothing else */
    ROUNDING_TF32_CUT, /* the same, but cut off instead of rounded, as some tensor cores read float32 */
    ROUNDING_FP16,     /* 11 bits, with float16's range */
    ROUNDING_BF16,     /* 8 bits */
} Rounding;

enum { TENSOR_MAX_RANK = 4 };

/* What a hook sees. Large values come in parts: whole rows, in order, without another tap in between. */
typedef struct {
    const char *name; /* "model.embed_vision", or "path#local_name" */
    int rank;
    int64_t shape[TENSOR_MAX_RANK]; /* of the whole value, as Hugging Face has it */
    int64_t first, count;           /* this part's place in the flattened whole */
    void *values;                   /* count floats or doubles; the hook may replace them */
    size_t value_size;              /* sizeof(float) or sizeof(double) */
} Tap;

typedef void Hook(void *context, const Tap *tap);

#endif
