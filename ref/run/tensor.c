/* tensor.c - a shape, and where its values are */
#include <assert.h>
#include <string.h>

#include "run/run.h"

Tensor tensor_new(Run *run, int rank, const int64_t *shape)
{
    assert(rank >= 1 && rank <= TENSOR_MAX_RANK);
    Tensor tensor = { .rank = rank };
    memcpy(tensor.shape, shape, (size_t)rank * sizeof *shape);
    size_t size = sizeof(real);
    for (int i = 0; i < rank; i++) size = checked_size(shape[i], 1, size);
    tensor.data = arena_allocate(run->arena, size);
    return tensor;
}

Tensor tensor_view(Tensor tensor, int rank, const int64_t *shape)
{
    assert(rank >= 1 && rank <= TENSOR_MAX_RANK);
    Tensor viewed = { .data = tensor.data, .rank = rank };
    int64_t whole = 1, known = 1; /* without dimensions of 0, so that -1 has its value in an empty batch too */
    for (int i = 0; i < tensor.rank; i++)
        if (tensor.shape[i] > 0) whole *= tensor.shape[i];
    for (int i = 0; i < rank; i++)
        if (shape[i] > 0) known *= shape[i];
    for (int i = 0; i < rank; i++) viewed.shape[i] = shape[i] != -1 ? shape[i] : whole / known;
    assert(elements(viewed) == elements(tensor));
    return viewed;
}

int64_t elements(Tensor tensor)
{
    int64_t product = 1;
    for (int i = 0; i < tensor.rank; i++) product *= tensor.shape[i];
    return product;
}

int64_t last(Tensor tensor) { return tensor.shape[tensor.rank - 1]; }

int64_t rows(Tensor tensor)
{
    int64_t product = 1;
    for (int i = 0; i < tensor.rank - 1; i++) product *= tensor.shape[i];
    return product;
}

Tensor keep(Run *run, ArenaMark mark, Tensor value)
{
    arena_release(run->arena, mark);
    Tensor kept = tensor_new(run, value.rank, value.shape);
    memmove(kept.data, value.data, (size_t)elements(value) * sizeof(real));
    return kept;
}
