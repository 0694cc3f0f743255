/* narrow_float.h - float32 from bfloat16 and binary16, where a call for each number would cost more than the number */
#ifndef PLUMB_NARROW_FLOAT_H
#define PLUMB_NARROW_FLOAT_H

#include <stdint.h>
#include <string.h>

static inline float float_from_bf16(uint16_t bits)
{
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return value;
}

/* IEEE binary16. Moving the fields into binary32's places leaves the exponent 112 too small: one multiplication
 * by 2^112 repairs it, for subnormals too; only infinity and NaN need their exponent set. */
static inline float float_from_f16(uint16_t bits)
{
    uint32_t sign = (uint32_t)(bits & 0x8000) << 16, rest = (uint32_t)(bits & 0x7fff) << 13;
    float value;
    memcpy(&value, &rest, sizeof value);
    value *= 0x1p112f;
    memcpy(&rest, &value, sizeof rest);
    if ((bits & 0x7c00) == 0x7c00) rest |= 0x7f800000;
    rest |= sign;
    memcpy(&value, &rest, sizeof value);
    return value;
}

static inline float bf16_at(const unsigned char *bytes)
{
    uint16_t bits;
    memcpy(&bits, bytes, sizeof bits);
    return float_from_bf16(bits);
}

static inline float f16_at(const unsigned char *bytes)
{
    uint16_t bits;
    memcpy(&bits, bytes, sizeof bits);
    return float_from_f16(bits);
}

static inline float f32_at(const unsigned char *bytes)
{
    float value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

#endif
