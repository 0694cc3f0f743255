/* loader.c - path, exact shape, sticky error */
#include "checkpoint/loader.h"

#include <math.h>
#include <string.h>

Loader child(Loader at, const char *name)
{
    at.path = arena_format(&at.checkpoint->arena, "%s%s%s", at.path, *at.path ? "." : "", name);
    return at;
}

Loader child_at(Loader at, const char *name, int index)
{
    at.path = arena_format(&at.checkpoint->arena, "%s.%s.%d", at.path, name, index);
    return at;
}

static const char *key_of(Loader at, const char *name) { return checkpoint_key(at.checkpoint, child(at, name).path); }

static CheckpointTensor *find(Loader at, const char *name, int rank, const int64_t *shape)
{
    if (error_is_set(at.error)) return NULL;
    const char *key = key_of(at, name);
    CheckpointTensor *tensor = checkpoint_find(at.checkpoint, key);
    if (!tensor) {
        error_set(at.error, "%s: %s: found no such tensor, expected %s", at.checkpoint->file, key,
                  SHAPE_TEXT(rank, shape));
        return NULL;
    }
    tensor->asked = true;

    const Array *array = tensor->array;
    if (!array_has_shape(array, rank, shape))
        error_set(at.error, "%s: %s: found shape %s, expected %s", array->file, key,
                  SHAPE_TEXT(array->rank, array->shape), SHAPE_TEXT(rank, shape));
    else if (!dtype_is_float(array->dtype))
        error_set(at.error, "%s: %s: found dtype %s, expected a float dtype", array->file, key,
                  dtype_name(array->dtype));
    return error_is_set(at.error) ? NULL : tensor;
}

const Array *loader_tensor(Loader at, const char *name, int rank, const int64_t *shape)
{
    CheckpointTensor *tensor = find(at, name, rank, shape);
    if (!tensor) return NULL;
    const Array *array = tensor->array;
    if (tensor->finite != array && !array_is_finite(array))
        error_set(at.error, "%s: %s: found NaN or infinity%s, expected finite weights", array->file, array->name,
                  array->dtype == DTYPE_ENCODED ? ", or scales that make weights larger than float32 holds" : "");
    tensor->finite = array;
    return array;
}

const Array *load_table(Loader at, const char *name, int64_t rows, int64_t columns)
{
    CheckpointTensor *tensor = find(at, name, 2, (int64_t[]){ rows, columns });
    return tensor ? tensor->array : NULL;
}

bool has_tensor(Loader at, const char *name) { return checkpoint_find(at.checkpoint, key_of(at, name)) != NULL; }

double load_scalar(Loader at, const char *name)
{
    CheckpointTensor *tensor = find(at, name, 0, (int64_t[]){ 0 });
    if (!tensor) return 0;
    const Array *array = tensor->array;
    double value;
    array_read_f64(array, 0, 1, &value);
    if (isnan(value)) error_set(at.error, "%s: %s: found NaN, expected a number", array->file, array->name);
    return value;
}

void *load_memory(Loader at, size_t bytes) { return memset(arena_allocate(&at.checkpoint->arena, bytes), 0, bytes); }
