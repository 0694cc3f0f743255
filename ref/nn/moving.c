/* moving.c - whole runs of elements, from one place to another */
#include <assert.h>
#include <string.h>

#include "nn/nn.h"

Tensor tensor_clone(Tensor x, Run *run)
{
    Tensor y = tensor_new(run, x.rank, x.shape);
    memcpy(y.data, x.data, (size_t)elements(x) * sizeof(real));
    return y;
}

Tensor transpose_1_2(Tensor x, Run *run)
{
    assert(x.rank == 4);
    int64_t a = x.shape[0], b = x.shape[1], c = x.shape[2], d = x.shape[3];
    Tensor y = new_tensor(run, a, c, b, d);
    for (int64_t i = 0; i < a; i++)
        for (int64_t k = 0; k < c; k++)
            for (int64_t j = 0; j < b; j++)
                memcpy(y.data + ((i * c + k) * b + j) * d, x.data + ((i * b + j) * c + k) * d,
                       (size_t)d * sizeof(real));
    return y;
}

/* In tiles, so that neither side leaves the cache line that it reads or writes. */
static void transpose(real *to, const real *from, int64_t height, int64_t width)
{
    enum { TILE = 16 };
    for (int64_t i = 0; i < height; i += TILE)
        for (int64_t j = 0; j < width; j += TILE)
            for (int64_t k = i; k < i + TILE && k < height; k++)
                for (int64_t l = j; l < j + TILE && l < width; l++) to[l * height + k] = from[k * width + l];
}

Tensor transpose_last(Tensor x, Run *run)
{
    assert(x.rank >= 2);
    int64_t height = x.shape[x.rank - 2], width = last(x), size = height * width;
    Tensor y = x;
    y.shape[x.rank - 2] = width;
    y.shape[x.rank - 1] = height;
    y = tensor_new(run, y.rank, y.shape);
    for (int64_t first = 0; first < elements(x); first += size)
        transpose(y.data + first, x.data + first, height, width);
    return y;
}

/* x is [outer, shape[dim], inner] for this purpose. */
static int64_t outer(Tensor x, int dim)
{
    int64_t product = 1;
    for (int i = 0; i < dim; i++) product *= x.shape[i];
    return product;
}

static int64_t inner(Tensor x, int dim)
{
    int64_t product = 1;
    for (int i = dim + 1; i < x.rank; i++) product *= x.shape[i];
    return product;
}

/* y's rows to .. of dim `dim` become x's rows from .. from + count. */
static void copy_rows(Tensor y, int64_t to, Tensor x, int64_t from, int64_t count, int dim)
{
    int64_t width = inner(x, dim);
    for (int64_t i = 0; i < outer(x, dim); i++)
        memcpy(y.data + (i * y.shape[dim] + to) * width, x.data + (i * x.shape[dim] + from) * width,
               (size_t)(count * width) * sizeof(real));
}

Tensor narrow(Tensor x, int dim, int64_t first, int64_t count, Run *run)
{
    assert(first >= 0 && first + count <= x.shape[dim]);
    Tensor y = x;
    y.shape[dim] = count;
    y = tensor_new(run, y.rank, y.shape);
    copy_rows(y, 0, x, first, count, dim);
    return y;
}

Tensor cat(Tensor a, Tensor b, int dim, Run *run)
{
    assert(a.rank == b.rank && outer(a, dim) == outer(b, dim) && inner(a, dim) == inner(b, dim));
    Tensor y = a;
    y.shape[dim] += b.shape[dim];
    y = tensor_new(run, y.rank, y.shape);
    copy_rows(y, 0, a, 0, a.shape[dim], dim);
    copy_rows(y, a.shape[dim], b, 0, b.shape[dim], dim);
    return y;
}

Tensor select_rows(Tensor x, const bool *mask, Run *run)
{
    int64_t width = last(x), count = 0;
    for (int64_t i = 0; i < rows(x); i++) count += mask[i];

    Tensor selected = new_tensor(run, count, width);
    real *to = selected.data;
    for (int64_t i = 0; i < rows(x); i++) {
        if (!mask[i]) continue;
        memcpy(to, x.data + i * width, (size_t)width * sizeof *to);
        to += width;
    }
    return selected;
}

Tensor masked_scatter_(Tensor x, const bool *mask, Tensor source)
{
    int64_t width = last(x);
    const real *from = source.data;
    for (int64_t i = 0; i < rows(x); i++) {
        if (!mask[i]) continue;
        memcpy(x.data + i * width, from, (size_t)width * sizeof *from);
        from += width;
    }
    assert(from == source.data + elements(source));
    return x;
}
