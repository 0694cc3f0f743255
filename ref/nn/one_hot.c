/* one_hot.c - a product with a one-hot matrix is a sum by index */
#include <assert.h>
#include <string.h>

#include "nn/nn.h"

void one_hot_matmul(Matrix out, const int64_t *index, Matrix x, real weight, Run *run)
{
    assert(out.columns == x.columns);
    ArenaMark mark = arena_mark(run->arena);
    real *row = new_tensor(run, x.columns).data;
    round_factor(run, &weight, 1);

    for (int64_t i = 0; i < out.rows; i++) memset(out.data + i * out.stride, 0, (size_t)out.columns * sizeof *row);
    for (int64_t i = 0; i < x.rows; i++) {
        assert(index[i] >= 0 && index[i] < out.rows);
        memcpy(row, x.data + i * x.stride, (size_t)x.columns * sizeof *row);
        round_factor(run, row, x.columns);
        real *sum = out.data + index[i] * out.stride;
        for (int64_t j = 0; j < x.columns; j++) sum[j] += weight * row[j];
    }
    arena_release(run->arena, mark);
}
