/* array_layout.c - copies of blocks, axis by axis */
#include "dump/array_layout.h"

#include <assert.h>
#include <math.h>
#include <string.h>

int array_axis(const Array *array, int64_t axis)
{
    if (axis < 0) axis += array->rank;
    return axis >= 0 && axis < array->rank ? (int)axis : -1;
}

/* The next axis that is not of 1, its size in *size; or false */
static bool next_axis(int *at, int rank, const int64_t *shape, int64_t *size)
{
    while (*at < rank && shape[*at] == 1) ++*at;
    if (*at == rank) return false;
    *size = shape[(*at)++];
    return true;
}

bool array_regroups(const Array *array, int rank, const int64_t *shape)
{
    int i = 0, j = 0;
    int64_t left, right, more;
    for (int k = 0; k < array->rank; k++)
        if (array->shape[k] == 0) return array_has_shape(array, rank, shape);
    for (;;) {
        bool has_left = next_axis(&i, array->rank, array->shape, &left), has_right = next_axis(&j, rank, shape, &right);
        if (!has_left || !has_right) return has_left == has_right;
        int of_left = 1, of_right = 1;
        while (left != right) {
            bool short_left = left < right;
            if (right == 0) return false;
            if (short_left ? !next_axis(&i, array->rank, array->shape, &more) : !next_axis(&j, rank, shape, &more))
                return false;
            if (short_left)
                left *= more, of_left++;
            else
                right *= more, of_right++;
        }
        if (of_left > 1 && of_right > 1) return false;
    }
}

Array array_reshaped(const Array *array, int rank, const int64_t *shape)
{
    Array reshaped = *array;
    reshaped.rank = rank;
    memset(reshaped.shape, 0, sizeof reshaped.shape);
    memcpy(reshaped.shape, shape, (size_t)rank * sizeof *shape);
    assert(array_elements(&reshaped) == array_elements(array));
    return reshaped;
}

/* Bytes of what lies behind an axis, and how often that axis comes */
static size_t bytes_behind(const Array *array, int axis)
{
    size_t bytes = dtype_size(array->dtype);
    for (int i = axis + 1; i < array->rank; i++) bytes *= (size_t)array->shape[i];
    return bytes;
}

static int64_t count_before(const Array *array, int axis)
{
    int64_t count = 1;
    for (int i = 0; i < axis; i++) count *= array->shape[i];
    return count;
}

static unsigned char *allocate_data(Array *array, Arena *arena)
{
    unsigned char *data = arena_allocate(arena, (size_t)array_elements(array) * dtype_size(array->dtype) + 1);
    array->data = data;
    return data;
}

Array array_cut(const Array *array, int axis, int64_t first, int64_t count, Arena *arena)
{
    assert(first >= 0 && count >= 0 && first + count <= array->shape[axis]);
    Array part = *array;
    part.shape[axis] = count;
    size_t behind = bytes_behind(array, axis), block = behind * (size_t)array->shape[axis];
    unsigned char *to = allocate_data(&part, arena);
    for (int64_t i = 0; i < count_before(array, axis); i++)
        memcpy(to + (size_t)i * behind * (size_t)count, array->data + (size_t)i * block + (size_t)first * behind,
               behind * (size_t)count);
    return part;
}

Array array_without_axis(const Array *array, int axis)
{
    Array less = *array;
    assert(array->shape[axis] == 1);
    memmove(less.shape + axis, less.shape + axis + 1, (size_t)(array->rank - axis - 1) * sizeof *less.shape);
    less.shape[--less.rank] = 0;
    return less;
}

Array array_with_axis(const Array *array, int axis)
{
    Array more = *array;
    assert(array->rank < ARRAY_MAX_RANK);
    memmove(more.shape + axis + 1, more.shape + axis, (size_t)(array->rank - axis) * sizeof *more.shape);
    more.shape[axis] = 1;
    more.rank++;
    return more;
}

bool arrays_join(const Array *left, const Array *right, int axis)
{
    bool same = left->rank == right->rank && left->dtype == right->dtype;
    for (int i = 0; same && i < left->rank; i++) same = i == axis || left->shape[i] == right->shape[i];
    return same;
}

Array array_joined(const Array *arrays, int count, int axis, Arena *arena)
{
    Array joined = arrays[0];
    for (int n = 1; n < count; n++) {
        assert(arrays_join(&arrays[0], &arrays[n], axis));
        joined.shape[axis] += arrays[n].shape[axis];
    }
    unsigned char *to = allocate_data(&joined, arena);
    for (int64_t i = 0; i < count_before(&joined, axis); i++)
        for (int n = 0; n < count; n++) {
            size_t block = bytes_behind(&arrays[n], axis) * (size_t)arrays[n].shape[axis];
            memcpy(to, arrays[n].data + (size_t)i * block, block);
            to += block;
        }
    return joined;
}

Array array_rows_placed(const Array *array, const int64_t *places, int64_t rows, Arena *arena)
{
    Array placed = *array;
    placed.shape[0] = rows;
    size_t row = bytes_behind(array, 0);
    unsigned char *to = allocate_data(&placed, arena);
    memset(to, 0, (size_t)rows * row);
    for (int64_t i = 0; i < array->shape[0]; i++) {
        assert(places[i] >= 0 && places[i] < rows);
        memcpy(to + (size_t)places[i] * row, array->data + (size_t)i * row, row);
    }
    return placed;
}

Array array_scaled(const Array *array, double factor, Arena *arena)
{
    Array scaled = *array;
    scaled.dtype = array->dtype == DTYPE_F64 ? DTYPE_F64 : DTYPE_F32;
    unsigned char *to = allocate_data(&scaled, arena);
    for (int64_t i = 0; i < array_elements(array); i++) {
        double value;
        array_read_f64(array, i, 1, &value);
        value *= factor;
        float narrow = (float)value;
        if (scaled.dtype == DTYPE_F64)
            memcpy(to + (size_t)i * sizeof value, &value, sizeof value);
        else
            memcpy(to + (size_t)i * sizeof narrow, &narrow, sizeof narrow);
    }
    return scaled;
}

bool array_can_be_cast(Dtype from, Dtype to)
{
    return to == DTYPE_F64 || to == DTYPE_F32 || to == DTYPE_F16 || to == DTYPE_BF16 ||
           (to == DTYPE_I64 && !dtype_is_float(from)) || (to == DTYPE_BOOL && !dtype_is_float(from));
}

/* A double to the nearest float16 or bfloat16: bits of the significand beyond `kept` are rounded off, half to even. */
static uint16_t narrow_bits(double value, int exponent_bits, int kept)
{
    int most = (1 << exponent_bits) - 1, bias = most / 2, exponent;
    uint16_t sign = signbit(value) ? 0x8000 : 0;
    if (isnan(value)) return (uint16_t)(sign | most << kept | 1 << (kept - 1));
    double size = fabs(value), significand = frexp(size, &exponent); /* size = significand * 2^exponent, in [1/2, 1) */
    if (size == 0) return sign;
    if (isinf(size)) return (uint16_t)(sign | most << kept);
    int scale = exponent - 1 < 1 - bias ? 1 - bias : exponent - 1; /* of the leading bit; subnormals share the least */
    double units = nearbyint(ldexp(significand, exponent - scale + kept));
    int64_t bits = (int64_t)units + ((int64_t)(scale + bias - 1) << kept);
    if (bits > (int64_t)most << kept) bits = (int64_t)most << kept;
    return (uint16_t)(sign | bits);
}

Array array_cast(const Array *array, Dtype dtype, Arena *arena)
{
    assert(array_can_be_cast(array->dtype, dtype));
    Array cast = *array;
    cast.dtype = dtype;
    unsigned char *to = allocate_data(&cast, arena);
    size_t size = dtype_size(dtype);
    for (int64_t i = 0; i < array_elements(array); i++, to += size) {
        double value;
        array_read_f64(array, i, 1, &value);
        float single = (float)value;
        int64_t whole = dtype_is_float(array->dtype) ? 0 : array_integer(array, i);
        uint16_t narrow = dtype == DTYPE_F16 ? narrow_bits(value, 5, 10) : narrow_bits(value, 8, 7);
        unsigned char truth = whole != 0;
        const void *from = dtype == DTYPE_F64    ? (const void *)&value
                           : dtype == DTYPE_F32  ? (const void *)&single
                           : dtype == DTYPE_I64  ? (const void *)&whole
                           : dtype == DTYPE_BOOL ? (const void *)&truth
                                                 : (const void *)&narrow;
        memcpy(to, from, size);
    }
    return cast;
}
