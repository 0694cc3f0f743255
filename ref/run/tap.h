/* tap.h - what a hook sees of a forward pass, whichever real it computes in */
#ifndef PLUMB_TAP_H
#define PLUMB_TAP_H

#include <stdbool.h>
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

/* Arithmetic that a port may choose beside its dtype: flags, each of them a rule of the operations that it names. */
typedef enum {
    FEATURE_GELU_TABLE_F16 = 1 << 0,        /* GELU of -10 .. 10 is looked up by x as a float16, and is one */
    FEATURE_CONV_F16 = 1 << 1,              /* pixels and the weight that projects them are float16 (im2col) */
    FEATURE_FLASH_F16_ACCUMULATOR = 1 << 2, /* attention adds values up, key after key, in float16 */
    FEATURE_NORMS_IN_DTYPE = 1 << 3,        /* each operation inside RMSNorm and LayerNorm rounds */
    FEATURE_SEQUENTIAL_SUMS = 1 << 4,       /* norms add up element after element, in one sum */
    FEATURE_CONSTANTS_IN_DTYPE = 1 << 5,  /* roots of widths and the pooler's share are rounded before they multiply */
    FEATURE_ACCUMULATE_IN_DTYPE = 1 << 6, /* linear layers add up, element after element, in the dtype */
} Feature;

enum { TENSOR_MAX_RANK = 5 };

/* A hook sees one of these. Large values come in parts: whole rows, in order, without another tap in between. */
typedef struct {
    const char *name; /* "model.embed_vision", or "path#local_name" */
    int rank;
    int64_t shape[TENSOR_MAX_RANK]; /* of the whole value, as Hugging Face has it */
    int64_t first, count;           /* this part's place in the flattened whole */
    void *values;                   /* count floats or doubles; the hook may replace them */
    size_t value_size;              /* sizeof(float) or sizeof(double) */
    const char *file;               /* of the reference, where the value is handed over */
    int line;
    /* How many random bits the pass has drawn, or would have where it rounds to nearest. A hook that gives a layer's
     * output sets it to what the layer would have left. */
    uint32_t *drawn;
    bool *written; /* becomes true where a hook replaces a value (dump/tap_value.h); NULL: nobody asks */
} Tap;

typedef void Hook(void *context, const Tap *tap);

/* Asked by a layer and by the head before they compute, with the name of their tap: whether the hook will put its
 * values there. Then taps inside need not come, but for those on the way to what other layers ask of this one. */
typedef bool Known(void *context, const char *name);

#endif
