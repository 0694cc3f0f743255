/* module_parts.c - tensors that are parts leave the checkpoint's table, and weights made of them come in */
#include "checkpoint/module_parts.h"

#include <stdlib.h>
#include <string.h>

const Array *part_found(Parts *parts, const char *part)
{
    ArenaMark mark = arena_mark(&parts->checkpoint->arena);
    const char *name = arena_format(&parts->checkpoint->arena, "%s.%s", parts->module, part);
    CheckpointTensor *tensor = checkpoint_find(parts->checkpoint, name);
    arena_release(&parts->checkpoint->arena, mark);
    if (!tensor) return NULL;
    tensor->is_part = true;
    return tensor->array;
}

const Array *part_needed(Parts *parts, const char *part)
{
    const Array *array = part_found(parts, part);
    if (!array)
        error_set(parts->error, "%s: %s.%s: found no such tensor, expected one beside the module's codes",
                  parts->checkpoint->file, parts->module, part);
    return array;
}

void part_check(Parts *parts, const Array *array, Dtype dtype, int rank, const int64_t *shape)
{
    if (!array || error_is_set(parts->error)) return;
    bool any_float = dtype == DTYPE_COUNT;
    if (any_float ? !dtype_is_float(array->dtype) : array->dtype != dtype)
        error_set(parts->error, "%s: %s: found dtype %s, expected %s", array->file, array->name,
                  dtype_name(array->dtype), any_float ? "a float dtype" : dtype_name(dtype));
    else if (!array_has_shape(array, rank, shape))
        error_set(parts->error, "%s: %s: found shape %s, expected %s", array->file, array->name,
                  SHAPE_TEXT(array->rank, array->shape), SHAPE_TEXT(rank, shape));
}

void part_check_groups(Parts *parts, const Array *scales, int64_t columns, int64_t group)
{
    if (error_is_set(parts->error) || (group > 0 && columns % group == 0)) return;
    error_set(parts->error, "%s: %s: found scales for groups of %lld, expected groups that divide rows of %lld columns",
              scales->file, scales->name, (long long)group, (long long)columns);
}

Array *part_becomes_weight(Parts *parts, const Encoding *encoding, int rank, const int64_t *shape)
{
    Checkpoint *checkpoint = parts->checkpoint;
    Array *weight = arena_allocate(&checkpoint->arena, sizeof *weight);
    *weight = (Array){ .file = checkpoint->file,
                       .name = arena_format(&checkpoint->arena, "%s.weight", parts->module),
                       .dtype = DTYPE_ENCODED,
                       .rank = rank,
                       .encoding = encoding };
    memcpy(weight->shape, shape, (size_t)rank * sizeof *shape);
    checkpoint->made = grown(checkpoint->made, checkpoint->made_count, sizeof *checkpoint->made);
    checkpoint->made[checkpoint->made_count++] = weight;
    return weight;
}

void parts_settle(Checkpoint *checkpoint)
{
    int count = 0;
    for (int i = 0; i < checkpoint->tensor_count; i++)
        if (!checkpoint->tensors[i].is_part) count++;
    CheckpointTensor *tensors = arena_allocate(&checkpoint->arena,
                                               (size_t)(count + checkpoint->made_count + 1) * sizeof *tensors);
    count = 0;
    for (int i = 0; i < checkpoint->tensor_count; i++)
        if (!checkpoint->tensors[i].is_part) tensors[count++] = checkpoint->tensors[i];
    for (int i = 0; i < checkpoint->made_count; i++)
        tensors[count++] = (CheckpointTensor){ .array = checkpoint->made[i] };
    checkpoint->tensors = tensors;
    checkpoint->tensor_count = count;
    checkpoint_sort(checkpoint);
}
