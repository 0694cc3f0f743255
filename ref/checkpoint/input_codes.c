/* input_codes.c - the names */
#include "checkpoint/input_codes.h"

#include <string.h>

DeclaredInputs declared_inputs;
DeclaredCache declared_cache;

static const char *const names[INPUTS_COUNT] = {
    [INPUTS_PLAIN] = "none",
    [INPUTS_INT8_TOKEN] = "int8-token",
    [INPUTS_INT8_TOKEN_SYM] = "int8-token-sym",
    [INPUTS_INT8_TOKEN_255] = "int8-token-255",
    [INPUTS_INT8_TENSOR] = "int8-tensor",
    [INPUTS_INT8_STATIC] = "int8-tensor-static",
    [INPUTS_FP8_TOKEN] = "fp8-token",
    [INPUTS_FP8_TENSOR] = "fp8-tensor",
    [INPUTS_FP8_STATIC] = "fp8-tensor-static",
    [INPUTS_Q8_0] = "q8_0",
    [INPUTS_Q8_K] = "q8_k",
    [INPUTS_FP4_GROUP] = "fp4-group",
    [INPUTS_F16] = "f16",
    [INPUTS_GGML] = "ggml",
};
const char *const input_codes_names =
    "none, int8-token, int8-token-sym, int8-token-255, int8-tensor, fp8-token, fp8-tensor, fp4-group, "
    "q8_0, q8_k, f16 or ggml, perhaps with :bf16 or :fp16 behind it, or largest-of-experts";

void declare_no_products(void)
{
    declared_inputs = (DeclaredInputs){ .given = true, .inputs = INPUTS_PLAIN };
    declared_cache = (DeclaredCache){ .given = true, .codes = INPUTS_PLAIN };
}

const char *input_codes_name(InputCodes codes) { return names[codes]; }

static bool find(const char *name, size_t length, InputCodes *codes)
{
    for (int i = 0; i < INPUTS_COUNT; i++)
        if (strlen(names[i]) == length && strncmp(name, names[i], length) == 0) {
            *codes = (InputCodes)i;
            return i != INPUTS_INT8_STATIC && i != INPUTS_FP8_STATIC;
        }
    return false;
}

bool input_codes_declare(const char *name, DeclaredInputs *declared)
{
    size_t length = strcspn(name, ":");
    *declared = (DeclaredInputs){ .largest_scales = strcmp(name, "largest-of-experts") == 0 };
    if (declared->largest_scales) return true;
    declared->given = true;
    declared->dtype = strcmp(name + length, ":bf16") == 0   ? ROUNDING_BF16
                      : strcmp(name + length, ":fp16") == 0 ? ROUNDING_FP16
                                                            : ROUNDING_NONE;
    bool known = !name[length] || declared->dtype != ROUNDING_NONE;
    return known && find(name, length, &declared->inputs);
}

static const struct {
    const char *name;
    InputCodes codes;
} caches[CACHE_CODES_COUNT] = { { "none", INPUTS_PLAIN }, { "fp8", INPUTS_FP8_STATIC }, { "q8_0", INPUTS_Q8_0 } };
const char *const cache_codes_names = "none, fp8 or q8_0";

InputCodes cache_codes_at(int i) { return caches[i].codes; }

const char *cache_codes_name(InputCodes codes)
{
    int i = 0;
    while (i < CACHE_CODES_COUNT - 1 && caches[i].codes != codes) i++;
    return caches[i].name;
}

bool cache_codes_from_name(const char *name, InputCodes *codes)
{
    for (int i = 0; i < CACHE_CODES_COUNT; i++)
        if (strcmp(caches[i].name, name) == 0) {
            *codes = caches[i].codes;
            return true;
        }
    return false;
}
