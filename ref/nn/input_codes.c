/* input_codes.c - the input of a product, rounded to codes and back
 *
 * In float32 or the dtype that is declared, in both builds, because that is what backends compute scales in: a value
 * between two codes goes the same way in the oracle and in the replays.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "nn/nn.h"

static float in_dtype(const CodeRule *rule, float value)
{
    real rounded = value;
    round_to(rule->dtype, &rounded, 1);
    return (float)rounded;
}

static float magnitude_of(const float *x, int64_t count)
{
    float most = 0;
    for (int64_t i = 0; i < count; i++) most = fmaxf(most, fabsf(x[i]));
    return most;
}

/* NaN stays NaN, as in torch: what comes behind it is to show it, too. */
static float clamped(float code, float least, float most)
{
    return code < least ? least : code > most ? most : code;
}

/* The scale is rounded to the dtype, and nothing else. */
static void to_int8_of(float *x, int64_t count, const CodeRule *rule, float codes, float least)
{
    float scale = rule->scale > 0 ? rule->scale : fmaxf(in_dtype(rule, magnitude_of(x, count) / codes), 1e-8f);
    for (int64_t i = 0; i < count; i++) x[i] = clamped(rintf(x[i] / scale), least, 127) * scale;
}

static void to_int8(float *x, int64_t count, const CodeRule *rule)
{
    to_int8_of(x, count, rule, 127, rule->scale > 0 ? -128 : -127);
}

static void to_int8_255(float *x, int64_t count, const CodeRule *rule) { to_int8_of(x, count, rule, 127.5f, -128); }

/* The zero is a code, so that 0 stays 0. Every operation is rounded to the dtype, as torchao's are. */
static void to_int8_with_zero(float *x, int64_t count, const CodeRule *rule)
{
    float least = 0, most = 0;
    for (int64_t i = 0; i < count; i++) {
        least = fminf(least, x[i]);
        most = fmaxf(most, x[i]);
    }
    float scale = fmaxf(in_dtype(rule, in_dtype(rule, most - least) / 255), 1e-8f), inverse = in_dtype(rule, 1 / scale);
    float zero = clamped(-128 - rintf(in_dtype(rule, least / scale)), -128, 127);
    for (int64_t i = 0; i < count; i++) {
        float code = clamped(rintf(in_dtype(rule, x[i] * inverse)) + zero, -128, 127);
        x[i] = in_dtype(rule, (code - zero) * scale);
    }
}

/* 4 significant bits down to 2^-6, a spacing of 2^-9 below; to nearest, ties to even */
static float to_e4m3(float value)
{
    int exponent;
    frexpf(value, &exponent);
    float spacing = ldexpf(1, exponent - 4 > -9 ? exponent - 4 : -9);
    return clamped(rintf(value / spacing) * spacing, -448, 448);
}

static void to_fp8(float *x, int64_t count, const CodeRule *rule)
{
    float scale = rule->scale > 0 ? rule->scale : fmaxf(in_dtype(rule, magnitude_of(x, count) / 448), 1e-12f);
    for (int64_t i = 0; i < count; i++) x[i] = to_e4m3(x[i] / scale) * scale;
}

/* 0, 0.5, 1, 1.5, 2, 3, 4 and 6; to nearest, ties to even */
static float to_e2m1(float value)
{
    float size = clamped(fabsf(value), 0, 6), spacing = size < 2 ? 0.5f : size < 4 ? 1 : 2;
    return copysignf(rintf(size / spacing) * spacing, value);
}

/* As NVFP4 has it: the scale is a code too, of e4m3, and the global one brings it into the middle of its range. */
static void to_fp4(float *x, int64_t count, const CodeRule *rule)
{
    float global = rule->scale > 0 ? rule->scale : 1;
    float code = to_e4m3(in_dtype(rule, magnitude_of(x, count) / 6) * global),
          scale = (code > 0 ? code : 0.125f) / global;
    for (int64_t i = 0; i < count; i++) x[i] = in_dtype(rule, to_e2m1(x[i] / scale) * scale);
}

static float half(float value)
{
    real rounded = value;
    round_to(ROUNDING_FP16, &rounded, 1);
    return (float)rounded;
}

/* ggml's quantize_row_q8_0: codes by the scale as it was computed, values by the scale as it is stored */
static void to_q8_0(float *x, int64_t count, const CodeRule *rule)
{
    (void)rule;
    float most = magnitude_of(x, count), inverse = most > 0 ? 127 / most : 0, scale = half(most / 127);
    for (int64_t i = 0; i < count; i++) x[i] = rintf(x[i] * inverse) * scale;
}

/* ggml's quantize_row_q8_K: the value of the largest magnitude becomes -127, whatever its sign. */
static void to_q8_k(float *x, int64_t count, const CodeRule *rule)
{
    (void)rule;
    float most = 0;
    for (int64_t i = 0; i < count; i++)
        if (fabsf(x[i]) > fabsf(most)) most = x[i];
    float inverse = most != 0 ? -127 / most : 0, scale = most != 0 ? 1 / inverse : 0;
    for (int64_t i = 0; i < count; i++) x[i] = clamped(rintf(x[i] * inverse), -128, 127) * scale;
}

static void to_f16(float *x, int64_t count, const CodeRule *rule)
{
    (void)rule;
    for (int64_t i = 0; i < count; i++) x[i] = half(x[i]);
}

enum { WHOLE_ROW = 0, WHOLE_INPUT = -1 };
static const struct {
    void (*to_codes)(float *x, int64_t count, const CodeRule *rule);
    int width; /* of what has a scale of its own */
} rules[INPUTS_COUNT] = {
    [INPUTS_INT8_TOKEN] = { to_int8_with_zero, WHOLE_ROW },
    [INPUTS_INT8_TOKEN_SYM] = { to_int8, WHOLE_ROW },
    [INPUTS_INT8_TOKEN_255] = { to_int8_255, WHOLE_ROW },
    [INPUTS_INT8_TENSOR] = { to_int8, WHOLE_INPUT },
    [INPUTS_INT8_STATIC] = { to_int8, WHOLE_ROW },
    [INPUTS_FP8_TOKEN] = { to_fp8, WHOLE_ROW },
    [INPUTS_FP8_TENSOR] = { to_fp8, WHOLE_INPUT },
    [INPUTS_FP8_STATIC] = { to_fp8, WHOLE_ROW },
    [INPUTS_Q8_0] = { to_q8_0, 32 },
    [INPUTS_Q8_K] = { to_q8_k, 256 },
    [INPUTS_FP4_GROUP] = { to_fp4, 16 },
    [INPUTS_F16] = { to_f16, WHOLE_ROW },
};

Tensor to_codes(Tensor x, CodeRule rule, Run *run)
{
    if (rule.codes == INPUTS_PLAIN) return x;
    assert(rules[rule.codes].to_codes);
    Tensor rounded = tensor_new(run, x.rank, x.shape);
    ArenaMark mark = arena_mark(run->arena);
    int64_t width = last(x), whole = rules[rule.codes].width == WHOLE_INPUT ? elements(x) : width;
    float *values = arena_allocate(run->arena, (size_t)whole * sizeof *values);
    for (int64_t first = 0; first < elements(x); first += whole) {
        for (int64_t i = 0; i < whole; i++) values[i] = (float)x.data[first + i];
        int64_t block = rules[rule.codes].width > 0 ? rules[rule.codes].width : whole;
        for (int64_t i = 0; i < whole; i += block)
            rules[rule.codes].to_codes(values + i, whole - i < block ? whole - i : block, &rule);
        for (int64_t i = 0; i < whole; i++) rounded.data[first + i] = values[i];
    }
    arena_release(run->arena, mark);
    return rounded;
}

Tensor input_codes(Tensor x, const Array *weight, Run *run)
{
    return to_codes(x, (CodeRule){ weight->inputs, weight->input_scale, weight->inputs_dtype }, run);
}
