/* input_codes.c - the names */
#include "checkpoint/input_codes.h"

#include <string.h>

DeclaredInputs declared_inputs;

static const char *const names[INPUTS_COUNT] = {
    [INPUTS_PLAIN] = "none",
    [INPUTS_INT8_TOKEN] = "int8-token",
    [INPUTS_INT8_TOKEN_SYM] = "int8-token-sym",
    [INPUTS_INT8_TENSOR] = "int8-tensor",
    [INPUTS_INT8_STATIC] = "int8-tensor-static",
    [INPUTS_FP8_TOKEN] = "fp8-token",
    [INPUTS_FP8_TENSOR] = "fp8-tensor",
    [INPUTS_FP8_STATIC] = "fp8-tensor-static",
    [INPUTS_Q8_0] = "q8_0",
    [INPUTS_Q8_K] = "q8_k",
    [INPUTS_F16] = "f16",
    [INPUTS_GGML] = "ggml",
};
const char *const input_codes_names = "none, int8-token, int8-token-sym, int8-tensor, fp8-token, fp8-tensor, q8_0, "
                                      "q8_k, f16 or ggml";

const char *input_codes_name(InputCodes codes) { return names[codes]; }

bool input_codes_from_name(const char *name, InputCodes *codes)
{
    for (int i = 0; i < INPUTS_COUNT; i++)
        if (strcmp(name, names[i]) == 0 && i != INPUTS_INT8_STATIC && i != INPUTS_FP8_STATIC) {
            *codes = (InputCodes)i;
            return true;
        }
    return false;
}
