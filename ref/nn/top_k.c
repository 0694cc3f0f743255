/* top_k.c - torch.topk along the last dimension */
#include <assert.h>
#include <stdbool.h>

#include "nn/nn.h"

static bool is_taken(const int64_t *index, int64_t count, int64_t candidate)
{
    for (int64_t i = 0; i < count; i++)
        if (index[i] == candidate) return true;
    return false;
}

void top_k(Matrix x, int64_t k, Matrix values, int64_t *index)
{
    assert(k <= x.columns && values.rows == x.rows && values.columns == k);
    for (int64_t i = 0; i < x.rows; i++) {
        const real *row = x.data + i * x.stride;
        int64_t *taken = index + i * k;
        for (int64_t n = 0; n < k; n++) {
            int64_t best = -1;
            for (int64_t j = 0; j < x.columns; j++)
                if ((best < 0 || row[j] > row[best]) && !is_taken(taken, n, j)) best = j;
            taken[n] = best;
            values.data[i * values.stride + n] = row[best];
        }
    }
}
