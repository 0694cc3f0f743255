/* fuzz_changes.c - mutants of the dumps of a model of a few hundred weights */
#include "fuzz/fuzz_changes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/safetensors.h"
#include "fuzz/fuzz.h"

enum { NAME = 160, CHANGE = 6 };

typedef struct {
    char name[NAME];
    Array array;
    unsigned char *bytes;
    bool dropped;
} Changed;

static Safetensors *originals[2]; /* of a prompt alone, which is faster, and with decode steps */
Tiny *fuzz_tiny(void)
{
    static Tiny tiny;
    Error error = { "" };
    if (tiny.model) return &tiny;
    tiny.model = model_open(fuzz_seed("text/model"), &error);
    tiny.inputs = inputs_open(fuzz_seed("text/inputs.safetensors"), &error);
    originals[0] = safetensors_open(fuzz_seed("text/dump.safetensors"), &error);
    originals[1] = safetensors_open(fuzz_seed("text/decoded.safetensors"), &error);
    if (error_is_set(&error)) {
        fprintf(stderr, "%s\n", error.message);
        abort();
    }
    model_check(tiny.model, &tiny.inputs, &error);
    return &tiny;
}

static size_t size_of(const Array *array) { return (size_t)array_elements(array) * dtype_size(array->dtype); }

static void store(Changed *c, int64_t index, double value)
{
    size_t width = dtype_size(c->array.dtype);
    unsigned char *to = c->bytes + (size_t)index * width;
    float narrow = (float)value;
    int64_t whole = fabs(value) < 0x1p62 ? (int64_t)value : INT64_MIN;
    switch (c->array.dtype) {
    case DTYPE_F64: memcpy(to, &value, width); break;
    case DTYPE_F32: memcpy(to, &narrow, width); break;
    case DTYPE_BF16: memcpy(to, (const char *)&narrow + 2, width); break;
    default: memcpy(to, &whole, width);
    }
}

static const double values[] = { 0,         -0.0, 1,     -1,    1e-45,  1e-310,  3.4e38, -3.4e38, 1e300, INFINITY,
                                 -INFINITY, NAN,  65504, 65536, 0x1p31, -0x1p31, 0x1p62, 0.5,     22,    23,
                                 24,        6,    7,     -2,    1e9,    1e-3,    100,    1 + 1e-3 };
enum { VALUES = sizeof values / sizeof *values };

static void change_values(Changed *c, const uint8_t *change)
{
    int64_t count = array_elements(&c->array), at = count ? (change[2] + 256 * change[3]) % count : 0;
    int64_t end = change[1] & 16 ? count : count ? at + 1 : 0;
    for (; at < end; at++) store(c, at, values[change[4] % VALUES]);
}

static void change_shape(Changed *c, const uint8_t *change)
{
    Array *a = &c->array;
    int i = a->rank ? change[2] % a->rank : 0, j = a->rank ? change[3] % a->rank : 0;
    int64_t kept = a->shape[i];
    switch (change[4] % 4) {
    case 0:
        if (a->rank > 1) a->shape[i] = a->shape[j], a->shape[j] = kept;
        break;
    case 1:
        if (a->rank > 0 && change[3] <= kept) a->shape[i] = change[3];
        break;
    case 2:
        if (a->rank == ARRAY_MAX_RANK) break;
        memmove(a->shape + 1, a->shape, (size_t)a->rank++ * sizeof *a->shape);
        a->shape[0] = 1;
        break;
    default:
        if (a->rank > 1) a->shape[a->rank - 2] *= a->shape[a->rank - 1], a->rank--;
    }
}

static void change_name(Changed *all, int count, Changed *c, const uint8_t *change)
{
    Changed *other = &all[change[2] % count];
    char kept[NAME];
    memcpy(kept, c->name, NAME);
    size_t length = strlen(c->name);
    if (change[4] % 2) {
        snprintf(c->name + length, NAME - length, "@%d", change[3] % 8);
    } else {
        memcpy(c->name, other->name, NAME);
        memcpy(other->name, kept, NAME);
    }
}

static void change_dtype(Changed *c, const uint8_t *change)
{
    Dtype dtype = (Dtype)(change[2] % DTYPE_COUNT);
    if (dtype_size(dtype) == dtype_size(c->array.dtype)) c->array.dtype = dtype;
}

static void apply(Changed *all, int count, const uint8_t *change)
{
    Changed *c = &all[(change[0] + 256 * change[5]) % count];
    switch (change[1] % 8) {
    case 0: c->dropped = true; break;
    case 1: change_shape(c, change); break;
    case 2: change_name(all, count, c, change); break;
    case 3: change_dtype(c, change); break;
    default: change_values(c, change);
    }
}

static bool is_doubled(const Changed *all, int i)
{
    for (int j = 0; j < i; j++)
        if (!all[j].dropped && strcmp(all[j].name, all[i].name) == 0) return true;
    return false;
}

static const char *write_changed(const Safetensors *original, const uint8_t *data, size_t size)
{
    Error error = { "" };
    int count = safetensors_count(original);
    Changed *all = calloc((size_t)count, sizeof *all);
    for (int i = 0; i < count; i++) {
        all[i].array = *safetensors_array(original, i);
        snprintf(all[i].name, NAME, "%s", all[i].array.name);
        all[i].bytes = malloc(size_of(&all[i].array) + 1);
        memcpy(all[i].bytes, all[i].array.data, size_of(&all[i].array));
    }
    for (; size >= CHANGE; size -= CHANGE, data += CHANGE) apply(all, count, data);
    const char *path = fuzz_path("dump.safetensors");
    SafetensorsWriter *writer = safetensors_writer_open(path, &error);
    for (int i = 0; i < count; i++) {
        all[i].dropped |= is_doubled(all, i);
        if (all[i].dropped) continue;
        safetensors_writer_begin(writer, all[i].name, all[i].array.dtype, all[i].array.rank, all[i].array.shape);
        safetensors_writer_append(writer, all[i].bytes, size_of(&all[i].array));
    }
    safetensors_writer_close(writer, &error);
    if (error_is_set(&error)) abort();
    for (int i = 0; i < count; i++) free(all[i].bytes);
    free(all);
    return path;
}

Dump *fuzz_changed_dump(bool decoded, const uint8_t *data, size_t size)
{
    Error error = { "" };
    fuzz_tiny();
    return dump_open(write_changed(originals[decoded], data, size), &error);
}
