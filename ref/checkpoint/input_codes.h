/* input_codes.h - to what a kernel rounds the input of a product before it meets a quantised weight
 *
 * Fast kernels multiply codes by codes. So the weight says which codes its input becomes: what the checkpoint's
 * configuration says of it, or what the backend declares. nn/input_codes.c has the rules.
 */
#ifndef PLUMB_INPUT_CODES_H
#define PLUMB_INPUT_CODES_H

#include <stdbool.h>

#include "run/tap.h"

typedef enum {
    INPUTS_PLAIN,
    INPUTS_INT8_TOKEN,     /* -128 .. 127 with a zero, of each row's least and largest value: torchao's 8da4w */
    INPUTS_INT8_TOKEN_SYM, /* -127 .. 127, of each row's largest magnitude */
    INPUTS_INT8_TOKEN_255, /* -128 .. 127, of each row's largest magnitude over 127.5: torchao's W8A8 */
    INPUTS_INT8_TENSOR,    /* the same of the whole input */
    INPUTS_INT8_STATIC,    /* the same by a scale that the checkpoint holds */
    INPUTS_FP8_TOKEN,      /* e4m3, of each row's largest magnitude over 448 */
    INPUTS_FP8_TENSOR,     /* the same of the whole input */
    INPUTS_FP8_STATIC,     /* the same by a scale that the checkpoint holds */
    INPUTS_Q8_0,           /* ggml: 8 bits, a float16 scale for 32 values */
    INPUTS_Q8_K,           /* ggml: 8 bits, a scale for 256 values */
    INPUTS_FP4_GROUP,      /* e2m1, an e4m3 scale for 16 values, beside a global scale that the checkpoint may hold */
    INPUTS_F16,            /* ggml: rounded to float16 */
    INPUTS_GGML,           /* what ggml's CPU kernels take for the weight's type; a declaration, of no weight */
    INPUTS_COUNT
} InputCodes;

const char *input_codes_name(InputCodes codes); /* "int8-token" */
/* The backend's declaration, if there is one; --activations sets it once for the whole program. */
typedef struct {
    bool given;
    InputCodes inputs;
    Rounding dtype;      /* that the rule is computed in */
    bool largest_scales; /* not given: what the checkpoint says, with the largest scale of a layer's experts for all */
} DeclaredInputs;
extern DeclaredInputs declared_inputs;

/* "int8-token" or "int8-token:bf16", with the dtype that it is computed in. Of those that can be declared: the others
 * need a scale of the checkpoint's */
bool input_codes_declare(const char *name, DeclaredInputs *declared);
extern const char *const input_codes_names; /* of these, for a message */

/* A cache may hold keys and values as these: "none", "fp8" with the checkpoint's scales, "q8_0" */
enum { CACHE_CODES_COUNT = 3 };
InputCodes cache_codes_at(int i);
const char *cache_codes_name(InputCodes codes);
bool cache_codes_from_name(const char *name, InputCodes *codes);
extern const char *const cache_codes_names; /* for a message */

/* The backend's declaration of its cache, if there is one; --kv-cache sets it once for the whole program. */
typedef struct {
    bool given;
    InputCodes codes;
} DeclaredCache;
extern DeclaredCache declared_cache;

/* For a command that computes no product, and need not know what a checkpoint says of inputs and of a cache */
void declare_no_products(void);

#endif
