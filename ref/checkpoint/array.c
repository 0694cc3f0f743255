/* array.c - dtypes, and widening from them */
#include "checkpoint/array.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "checkpoint/narrow_float.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "safetensors are little-endian, and are read in place");

/* clang-format off */
static const struct {
    const char *name;
    size_t size;
    bool is_float;
} dtypes[] = {
    [DTYPE_F64]  = { "F64", 8, true },   [DTYPE_F32]  = { "F32", 4, true },
    [DTYPE_F16]  = { "F16", 2, true },   [DTYPE_BF16] = { "BF16", 2, true },
    [DTYPE_I64]  = { "I64", 8, false },  [DTYPE_I32]  = { "I32", 4, false },
    [DTYPE_I16]  = { "I16", 2, false },  [DTYPE_I8]   = { "I8", 1, false },
    [DTYPE_U64]  = { "U64", 8, false },  [DTYPE_U32]  = { "U32", 4, false },
    [DTYPE_U16]  = { "U16", 2, false },  [DTYPE_U8]   = { "U8", 1, false },
    [DTYPE_BOOL] = { "BOOL", 1, false },
    [DTYPE_F8_E4M3] = { "F8_E4M3", 1, true }, [DTYPE_F8_E5M2] = { "F8_E5M2", 1, true },
    [DTYPE_ENCODED] = { "encoded", 0, true },
};
/* clang-format on */

const char *dtype_name(Dtype dtype) { return dtypes[dtype].name; }
size_t dtype_size(Dtype dtype) { return dtypes[dtype].size; }
bool dtype_is_float(Dtype dtype) { return dtypes[dtype].is_float; }

const char *array_scheme(const Array *array)
{
    return array->dtype == DTYPE_ENCODED ? array->encoding->scheme : dtype_name(array->dtype);
}

bool dtype_from_name(const char *name, Dtype *dtype)
{
    for (int i = 0; i < DTYPE_COUNT; i++)
        if (strcmp(name, dtypes[i].name) == 0) {
            *dtype = (Dtype)i;
            return true;
        }
    return false;
}

int64_t array_elements(const Array *array)
{
    int64_t elements = 1;
    for (int i = 0; i < array->rank; i++) elements *= array->shape[i];
    return elements;
}

Array array_at(const Array *array, int64_t index)
{
    assert(array->rank > 0 && index >= 0 && index < array->shape[0]);
    Array part = *array;
    part.rank--;
    memmove(part.shape, array->shape + 1, (size_t)part.rank * sizeof *part.shape);
    if (part.dtype == DTYPE_ENCODED)
        part.offset += index * array_elements(&part);
    else
        part.data += (size_t)(index * array_elements(&part)) * dtype_size(part.dtype);
    if (part.matrices) part.matrices += index * array_elements(&part) / array_elements(part.matrices[0]);
    return part;
}

const Array *array_matrix(const Array *array, int64_t row)
{
    if (!array->matrices) return array;
    assert(row % array->matrices[0]->shape[0] == 0);
    return array->matrices[row / array->matrices[0]->shape[0]];
}

bool array_has_shape(const Array *array, int rank, const int64_t *shape)
{
    return array->rank == rank && memcmp(array->shape, shape, (size_t)rank * sizeof *shape) == 0;
}

/* Like binary16 of a narrower exponent and fraction; all ones are NaN, and there is no infinity. */
static float float_from_e4m3(uint8_t bits)
{
    uint32_t rest = (uint32_t)(bits & 0x7f) << 20, sign = (uint32_t)(bits & 0x80) << 24;
    float value;
    memcpy(&value, &rest, sizeof value);
    value *= 0x1p120f;
    memcpy(&rest, &value, sizeof rest);
    if ((bits & 0x7f) == 0x7f) rest = 0x7fc00000;
    rest |= sign;
    memcpy(&value, &rest, sizeof value);
    return value;
}

/* The upper half of a binary16 */
static float float_from_e5m2(uint8_t bits) { return float_from_f16((uint16_t)(bits << 8)); }

#define IDENTITY(x) (x)
#define READ_AS(dtype, stored, convert)                                           \
    case dtype: {                                                                 \
        const unsigned char *from = array->data + (size_t)first * sizeof(stored); \
        for (int64_t i = 0; i < count; i++) {                                     \
            stored value;                                                         \
            memcpy(&value, from + (size_t)i * sizeof value, sizeof value);        \
            out[i] = (OUT)convert(value);                                         \
        }                                                                         \
        break;                                                                    \
    }
#define READ_ENCODED                                                                    \
    for (int64_t i = 0; i < count; i += ENCODED_BLOCK) {                                \
        double exact[ENCODED_BLOCK];                                                    \
        int64_t some = count - i < ENCODED_BLOCK ? count - i : ENCODED_BLOCK;           \
        array->encoding->read(array->encoding, array->offset + first + i, some, exact); \
        for (int64_t j = 0; j < some; j++) out[i + j] = (OUT)exact[j];                  \
    }
enum { ENCODED_BLOCK = 512 };
#define DEFINE_ARRAY_READ(name)                                                     \
    void name(const Array *array, int64_t first, int64_t count, OUT *out)           \
    {                                                                               \
        assert(first >= 0 && count >= 0 && first + count <= array_elements(array)); \
        switch (array->dtype) {                                                     \
            READ_AS(DTYPE_F64, double, IDENTITY)                                    \
            READ_AS(DTYPE_F32, float, IDENTITY)                                     \
            READ_AS(DTYPE_F16, uint16_t, float_from_f16)                            \
            READ_AS(DTYPE_BF16, uint16_t, float_from_bf16)                          \
            READ_AS(DTYPE_I64, int64_t, IDENTITY)                                   \
            READ_AS(DTYPE_I32, int32_t, IDENTITY)                                   \
            READ_AS(DTYPE_I16, int16_t, IDENTITY)                                   \
            READ_AS(DTYPE_I8, int8_t, IDENTITY)                                     \
            READ_AS(DTYPE_U64, uint64_t, IDENTITY)                                  \
            READ_AS(DTYPE_U32, uint32_t, IDENTITY)                                  \
            READ_AS(DTYPE_U16, uint16_t, IDENTITY)                                  \
            READ_AS(DTYPE_U8, uint8_t, IDENTITY)                                    \
            READ_AS(DTYPE_BOOL, uint8_t, IDENTITY)                                  \
            READ_AS(DTYPE_F8_E4M3, uint8_t, float_from_e4m3)                        \
            READ_AS(DTYPE_F8_E5M2, uint8_t, float_from_e5m2)                        \
        case DTYPE_ENCODED: READ_ENCODED break;                                     \
        case DTYPE_COUNT: assert(0);                                                \
        }                                                                           \
    }

#define OUT float
DEFINE_ARRAY_READ(array_read_f32)
#undef OUT
#define OUT double
DEFINE_ARRAY_READ(array_read_f64)
#undef OUT
#define OUT int64_t
static DEFINE_ARRAY_READ(array_read_i64)
#undef OUT

    int64_t array_integer(const Array *array, int64_t index)
{
    assert(!dtype_is_float(array->dtype));
    int64_t value = 0;
    array_read_i64(array, index, 1, &value);
    return value;
}

static bool has_byte(const unsigned char *data, int64_t count, unsigned char mask, unsigned char least)
{
    bool found = false;
    for (int64_t i = 0; i < count; i++) found |= (data[i] & mask) >= least;
    return found;
}

/* An exponent of ones is NaN or infinity. In a loop that the compiler turns into vector code: checkpoints are large. */
#define DEFINE_HAS_EXPONENT(name, TYPE)                                               \
    static bool name(const unsigned char *data, int64_t count, TYPE exponent_of_ones) \
    {                                                                                 \
        bool found = false;                                                           \
        for (int64_t i = 0; i < count; i++) {                                         \
            TYPE bits;                                                                \
            memcpy(&bits, data + (size_t)i * sizeof bits, sizeof bits);               \
            found |= (bits & exponent_of_ones) == exponent_of_ones;                   \
        }                                                                             \
        return found;                                                                 \
    }
DEFINE_HAS_EXPONENT(has_exponent_16, uint16_t)
DEFINE_HAS_EXPONENT(has_exponent_32, uint32_t)
DEFINE_HAS_EXPONENT(has_exponent_64, uint64_t)

bool array_is_finite(const Array *array)
{
    int64_t count = array_elements(array);
    switch (array->dtype) {
    case DTYPE_F16: return !has_exponent_16(array->data, count, 0x7c00);
    case DTYPE_BF16: return !has_exponent_16(array->data, count, 0x7f80);
    case DTYPE_F32: return !has_exponent_32(array->data, count, 0x7f800000);
    case DTYPE_F64: return !has_exponent_64(array->data, count, 0x7ff0000000000000);
    case DTYPE_F8_E4M3: return !has_byte(array->data, count, 0x7f, 0x7f);
    case DTYPE_F8_E5M2: return !has_byte(array->data, count, 0x7f, 0x7c);
    case DTYPE_ENCODED: return array->encoding->is_finite(array->encoding);
    default: return true;
    }
}

const char *shape_text(char *text, size_t size, int rank, const int64_t *shape)
{
    size_t used = (size_t)snprintf(text, size, "[");
    for (int i = 0; i < rank && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, i ? ", %lld" : "%lld", (long long)shape[i]);
    if (used < size) snprintf(text + used, size - used, "]");
    return text;
}
