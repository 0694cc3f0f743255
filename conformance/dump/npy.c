/* npy.c - magic, version, header length, a Python dict literal, data
 *
 *   \x93NUMPY 1 0 <2 bytes> {'descr': '<f4', 'fortran_order': False, 'shape': (2, 36, 768), }
 */
#include "dump/npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool dtype_from_descr(const char *descr, Dtype *dtype)
{
    static const struct {
        const char *descr;
        Dtype dtype;
    } known[] = {
        { "<f8", DTYPE_F64 }, { "<f4", DTYPE_F32 }, { "<f2", DTYPE_F16 }, { "<V2", DTYPE_BF16 }, { "|V2", DTYPE_BF16 },
        { "<i8", DTYPE_I64 }, { "<i4", DTYPE_I32 }, { "<i2", DTYPE_I16 }, { "|i1", DTYPE_I8 },   { "<u8", DTYPE_U64 },
        { "<u4", DTYPE_U32 }, { "<u2", DTYPE_U16 }, { "|u1", DTYPE_U8 },  { "|b1", DTYPE_BOOL },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(descr, known[i].descr) == 0) {
            *dtype = known[i].dtype;
            return true;
        }
    return false;
}

/* The text after "'key':", or NULL. */
static const char *dict_value(const char *header, const char *key)
{
    char quoted[32];
    snprintf(quoted, sizeof quoted, "'%s':", key);
    const char *found = strstr(header, quoted);
    if (!found) return NULL;
    found += strlen(quoted);
    return found + strspn(found, " ");
}

static bool parse_shape(const char *text, Array *array)
{
    if (!text || *text++ != '(') return false;
    for (;;) {
        text += strspn(text, " ,");
        if (*text == ')') return true;
        char *end;
        long long dimension = strtoll(text, &end, 10);
        if (end == text || dimension < 0 || dimension > (1LL << 40) || array->rank == ARRAY_MAX_RANK) return false;
        array->shape[array->rank++] = dimension;
        text = end;
    }
}

static bool parse_header(const char *header, Array *array, bool *fortran_order)
{
    char descr[16] = "";
    const char *found = dict_value(header, "descr"), *order = dict_value(header, "fortran_order");
    if (!found || sscanf(found, "'%15[^']'", descr) != 1 || !dtype_from_descr(descr, &array->dtype)) return false;
    if (!order) return false;
    *fortran_order = strncmp(order, "True", 4) == 0;
    return parse_shape(dict_value(header, "shape"), array);
}

Array npy_read(Arena *arena, const char *file, const char *name, const unsigned char *bytes, size_t size, Error *error)
{
    Array array = { .file = file, .name = name };
    size_t length = 0, start = 10;
    if (size >= 12 && memcmp(bytes, "\x93NUMPY", 6) == 0 && bytes[6] >= 1 && bytes[6] <= 3) {
        length = bytes[8] + ((size_t)bytes[9] << 8);
        if (bytes[6] > 1) {
            length += ((size_t)bytes[10] << 16) + ((size_t)bytes[11] << 24);
            start = 12;
        }
    }
    if (length == 0 || length > size - start) {
        error_set(error, "%s: %s: found no .npy header, expected one", file, name);
        return array;
    }
    const char *header = arena_format(arena, "%.*s", (int)length, (const char *)bytes + start);
    bool fortran_order = false;
    if (!parse_header(header, &array, &fortran_order)) {
        error_set(error, "%s: %s: found header %.80s, expected a little-endian float or integer array", file, name,
                  header);
        return array;
    }

    double needed = (double)dtype_size(array.dtype);
    for (int i = 0; i < array.rank; i++) needed *= (double)array.shape[i];
    if (needed != (double)(size - start - length)) {
        error_set(error, "%s: %s: found %zu bytes of data, expected %.0f for %s %s", file, name, size - start - length,
                  needed, dtype_name(array.dtype), SHAPE_TEXT(array.rank, array.shape));
        return array;
    }
    array.data = bytes + start + length;

    if (fortran_order) { /* the reversed dimensions are in C order */
        int axes[ARRAY_MAX_RANK];
        Array reversed = array;
        for (int i = 0; i < array.rank; i++) {
            reversed.shape[i] = array.shape[array.rank - 1 - i];
            axes[i] = array.rank - 1 - i;
        }
        array = array_permuted(&reversed, axes, arena);
    }
    return array;
}

Array array_permuted(const Array *array, const int *axes, Arena *arena)
{
    size_t width = dtype_size(array->dtype);
    int64_t count = array_elements(array), strides[ARRAY_MAX_RANK], index[ARRAY_MAX_RANK] = { 0 };
    Array permuted = *array;
    unsigned char *to = arena_allocate(arena, (size_t)count * width);
    permuted.data = to;

    int64_t stride = 1;
    for (int i = array->rank - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= array->shape[i];
    }
    for (int i = 0; i < array->rank; i++) permuted.shape[i] = array->shape[axes[i]];
    for (int64_t n = 0; n < count; n++) {
        int64_t from = 0;
        for (int i = 0; i < array->rank; i++) from += index[i] * strides[axes[i]];
        memcpy(to + (size_t)n * width, array->data + (size_t)from * width, width);
        for (int i = array->rank - 1; i >= 0 && ++index[i] == permuted.shape[i]; i--) index[i] = 0;
    }
    return permuted;
}
